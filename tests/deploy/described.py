"""What a deployment is described by, as the tools that will run it read it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - as in a container
STAGES = ("intake", "dedupe", "aggregate", "release")
WORKERS = {
    "intake-0": "intake",
    "intake-1": "intake",
    "dedupe-0": "dedupe",
    "aggregate-0": "aggregate",
    "aggregate-1": "aggregate",
    "release-0": "release",
}
"""Services of the compose file that work, and their stages."""


def ran(*words: str) -> str:
    """Output of a tool that must succeed."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def pods(manifests: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Every pod that is made, by name."""
    return [
        (one["metadata"]["name"], one["spec"]["template"]["spec"])
        for one in manifests
        if one["kind"] in {"StatefulSet", "Deployment", "Job"}
    ]
