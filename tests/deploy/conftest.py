"""Manifests and compose file, resolved once for all tests of this folder."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.described import ran

# PyYAML ships no types; what is read here is plain JSON-like data.


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What kustomize makes of the folder, as objects."""
    text = ran("kubectl", "kustomize", "deploy/kubernetes", "-o", "/dev/stdout")
    path = tmp_path_factory.mktemp("kubernetes") / "all.yaml"
    path.write_text(text, "utf-8")
    said = ran(str(Path(sys.executable).parent / "kubernetes-validate"), str(path))
    assert said.count("passed") == len(re.findall(r"^kind:", text, re.MULTILINE))
    return list(importlib.import_module("yaml").safe_load_all(text))


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The compose file, as the tool itself resolves it."""
    text = ran("docker-compose", "-f", "docker-compose.yml", "config")
    return dict(importlib.import_module("yaml").safe_load(text))
