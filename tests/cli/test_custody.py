"""``kerwen keys custodians|unlock|lock|backup|restore``: from shares to keys."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.cli.main import main
from hub.core.errors import MachineError
from hub.edge import keyring


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with keys, three folders for shares, a memory of its own."""
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERWEN_UNLOCKED", str(tmp_path / "memory"))
    shutil.copytree(november, tmp_path / "home" / "keys")
    for name in "abc":
        (tmp_path / name).mkdir()
    return tmp_path / "home"


def outputs(home: Path) -> list[str]:
    """Three folders for shares, as arguments."""
    return [word for name in "abc" for word in ("--output", str(home.parent / name))]


def shares(home: Path, *names: str) -> list[str]:
    """Share files in some of the folders, as arguments."""
    return [
        word
        for name in names
        for path in sorted((home.parent / name).iterdir())
        for word in ("--share", str(path))
    ]


def test_a_ceremony(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shares, lock, two of them unlock, backup, another machine."""
    ceremony = ["keys", "custodians", *outputs(home), "--same-disk"]
    assert main(ceremony) == 0  # only told
    assert not list((home.parent / "a").iterdir())
    assert main([*ceremony, "--apply"]) == 0
    before = keyring.intake(home).pseudonyms
    assert main(["keys", "lock"]) == 0
    with pytest.raises(MachineError, match="kerwen keys unlock"):
        keyring.intake(home)
    capsys.readouterr()

    assert main(["keys", "unlock", *shares(home, "c", "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["principals"] == ["intake", "release"]
    assert keyring.intake(home).pseudonyms == before

    file = str(home.parent / "keys.backup")
    assert main(["keys", "backup", "--file", file]) == 0
    shutil.rmtree(home)
    assert main(["keys", "restore", "--file", file, *shares(home, "a", "b")]) == 0
    assert main(["keys", "unlock", *shares(home, "b", "c")]) == 0
    assert keyring.intake(home).pseudonyms == before


def test_shares_are_not_printed_into_a_pipe(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody types, but what is printed goes into a file: nothing is made."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "")

    assert main(["keys", "custodians", "--apply"]) == 2

    said = capsys.readouterr()
    assert "no screen" in said.err
    assert len(said.out.split()) < 33  # a share alone has as many words
    assert not list(home.rglob("secrets.locked"))


REFUSED = {
    "one disk": (1, ["custodians", "OUTPUTS"], "lie on one disk"),
    "two folders": (2, ["custodians", "--output", ".", "--output", "."], "3 different"),
    "no screen": (2, ["custodians", "--apply", "--json"], "no screen"),
    "no share": (2, ["unlock"], "--share"),
    "no such share": (3, ["unlock", "--share", "nowhere"], "is missing"),
    "no file": (2, ["backup"], "--file"),
    "no custody": (3, ["backup", "--file", "x"], "kerwen keys custodians"),
    "no backup": (1, ["restore", "--file", "nowhere"], "no backup of keys"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """And nothing is locked by it."""
    monkeypatch.chdir(home.parent)
    code, words, text = REFUSED[name]
    full = [
        one
        for word in words
        for one in (outputs(home) if word == "OUTPUTS" else [word])
    ]

    assert main(["keys", *full]) == code

    assert text in capsys.readouterr().err.strip().splitlines()[-1]
    keyring.intake(home)
    assert not list(home.rglob("secrets.locked"))


def test_unlocking_what_is_not_locked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two shares of another hub's ceremony find nothing to open."""
    assert main(["keys", "custodians", *outputs(home), "--same-disk", "--apply"]) == 0
    for path in home.rglob("secrets.locked"):
        path.unlink()

    assert main(["keys", "unlock", *shares(home, "a", "b")]) == 3
    assert "is locked" in capsys.readouterr().err
