"""README, "Try it by hand": every line is run as it stands there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PERSONS = "500"
"""A small sample: enough rows for a release, few enough for a minute."""

_SECONDS = 240


def lines() -> list[str]:
    """The commands of the section, without their comments."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.partition("## Try it by hand")[2].split("```")[1]
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    return [command for command in commands if command.startswith("kerwen ")]


class Shell:
    """Runs lines as a newcomer would, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        scripts = Path(sys.executable).parent
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("KERWEN_")
        }
        self._environment = {
            **inherited,
            "KERWEN_HOME": str(folder / "home"),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line, globs and all."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell; whatever it left running is stopped."""
    made = Shell(tmp_path)
    yield made
    made.run("kerwen down")


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_readme_works_word_by_word(shell: Shell, tmp_path: Path) -> None:
    """From an empty folder to an audited table, and nothing left behind."""
    said: dict[str, list[dict[str, object]]] = {}
    for line in lines():
        verb = line.split()[1]
        small = f" --persons {PERSONS}" if verb == "sample" else ""
        done = shell.run(f"{line}{small} --json")
        assert done.returncode == 0, f"{line}: {done.stderr}"
        said.setdefault(verb, []).append(json.loads(done.stdout))
    assert said["status"][0]["findings"] == []
    for published in said["publish"]:
        parts = ("accepted", "duplicates", "quarantined")
        counts = [int(str(published[part])) for part in parts]
        assert published["published"] == sum(counts) > 0
    assert all(len(list(one["periods"])) == 12 for one in said["declare"])  # type: ignore[call-overload]  # a list in JSON
    assert said["query"][0]["missing"] == 0
    assert said["query"][0]["observations"]
    assert said["audit"][0]["audit"] == "equal"
    assert said["down"][0]["stopped"] is True
    assert not (tmp_path / "home" / "run" / "hub.json").exists()


@pytest.mark.e2e
def test_the_section_is_read_whole() -> None:
    """The test above follows the text, so the text must be found."""
    verbs = [line.split()[1] for line in lines()]
    assert (verbs[0], verbs[-1]) == ("up", "down")
    assert {"sample", "publish", "declare", "release", "query", "audit"} <= {*verbs}
