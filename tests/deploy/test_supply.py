"""What a deployment is made of: each check runs, and none is green for nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "supply" / "check.py"
NOWHERE = "http://127.0.0.1:1"


def checked(action: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Exit code and what was said."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), action, "--output", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout + done.stderr


def test_a_source_that_does_not_answer_is_no_good_news(tmp_path: Path) -> None:
    """The tool itself says "none" where nobody answered; ours says so and fails."""
    away = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy"), NOWHERE)
    code, said = checked("vulnerabilities", tmp_path, **away)

    assert code == 3
    assert "no source answers" in said
    assert not (tmp_path / "vulnerabilities.json").exists()


def test_every_licence_is_permitted(tmp_path: Path) -> None:
    """Each package says one that was judged, or was judged by name, with a reason."""
    code, said = checked("licences", tmp_path)

    assert code == 0, said
    listed = json.loads((tmp_path / "licences.json").read_text())
    assert len(listed) > 100
    assert all(one["licence"] != "UNKNOWN" for one in listed)
    rules = tomllib.loads((SCRIPT.parent / "licences.toml").read_text("utf-8"))
    assert all(one["why"] for one in rules["packages"].values())


def test_two_builds_are_one_wheel(tmp_path: Path) -> None:
    """Byte for byte; and the catalogue and the schemas are in it."""
    code, said = checked("wheel", tmp_path)

    assert code == 0, said
    assert "two builds are equal" in said
    [made] = tmp_path.glob("kerwen-*.whl")
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
    assert "hub/_catalogue/linkage.toml" in names
    assert "hub/_schemas/public/envelope.v1.avsc" in names
    assert "hub/edge/onboarding.toml" in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_everything_locked_has_a_hash() -> None:
    """The bill of materials and the installation rest on it."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pinned = [line for line in lines if "==" in line and not line.startswith(" ")]

    assert len(pinned) > 100
    assert all(line.endswith("\\") for line in pinned)
