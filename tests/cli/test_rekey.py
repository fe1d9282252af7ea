"""``kerwen keys rekey|destroy|destroyed``: wrong calls change nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.cli.main import main
from hub.edge import rekeying
from hub.edge.settings import Home


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with keys in which nothing runs."""
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "home"))
    shutil.copytree(november, tmp_path / "home" / "keys")
    return tmp_path / "home"


REFUSED = {
    "no old home": (2, ["rekey"], "--from"),
    "the same home": (2, ["rekey", "--from", "home"], "KERWEN_HOME is the new home"),
    "not begun": (1, ["rekey", "--finish"], "is not being re-keyed"),
    "no hub": (3, ["rekey", "--from", "old", "--apply"], "old"),
    "no key": (2, ["destroy"], "name one key"),
    "no reason": (2, ["destroy", "hub-2026-11", "--apply"], "--reason"),
    "in use": (1, ["destroy", "hub-2026-11"], "rotate hub"),
    "in use between": (1, ["destroy", "records-2026-11"], "rotate records"),
    "signs": (1, ["destroy", "control-2026-11"], "no sealing key"),
    "unknown": (1, ["destroy", "hub-2020-01"], "no sealing key"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """With the way to mend it, and without a change."""
    monkeypatch.chdir(home.parent)
    code, words, text = REFUSED[name]
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    assert main(["keys", *words]) == code

    assert text in capsys.readouterr().err.strip().splitlines()[-1]
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before


def test_a_plan_of_a_re_keying_changes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before the keys are there nor after."""
    new = home.parent / "new"
    monkeypatch.setenv("KERWEN_HOME", str(new))
    words = ["keys", "rekey", "--from", str(home), "--json"]

    assert main(words) == 0
    assert not new.exists()
    rekeying.prepare(Home(root=home), Home(root=new))
    capsys.readouterr()
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["copied"] == 0


def test_no_key_was_destroyed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list, and no error."""
    assert home.is_dir()
    assert main(["keys", "destroyed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"destroyed": []}
