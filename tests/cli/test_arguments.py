"""Wrong calls: one line on stderr, the right exit code, and nothing started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.cli.main import VERBS, main

DOCUMENTS = ("README.md", "docs/commands.md")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing was ever started."""
    for name in ("KERWEN_BOOTSTRAP", "KERWEN_CATALOGUE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


USAGE = {
    "no such verb": ["fly"],
    "no such option": ["down", "--fast"],
    "no workers": ["up", "--workers", "0"],
    "too many workers": ["up", "--workers", "17"],
    "no port": ["up", "--port", "70000"],
    "no persons": ["sample", "--persons", "0"],
    "no years": ["sample", "--years", "0"],
    "negative seed": ["sample", "--seed", "-1"],
    "no member": ["publish", "x.csv"],
    "no dataflow": ["publish", "--member", "sms", "x.csv"],
    "no time": ["publish", "--member", "sms", "--wait", "-1"],
    "nil and incomplete": [
        *("declare", "--member", "sms", "--dataflow", "residence_permit"),
        *("--period", "2025", "--nil", "--incomplete"),
    ],
    "following a table": ["subscribe", "--follow"],
    "following an object": ["subscribe", "--follow", "--format", "csv", "--json"],
    "watching an object": ["status", "--watch", "--json"],
    "no table": ["query"],
    "no language": ["query", "PRM_NEW", "--lang", "de"],
    "no such trial": ["bench", "calm"],
    "fewer than no cycles": ["bench", "chaos", "--cycles", "-1"],
}

INPUT = {
    "unknown member": ["publish", "--member", "iom"],
    "no period": [
        *("declare", "--member", "sms", "--dataflow", "residence_permit"),
        *("--period", "2025-13"),
    ],
    "unknown table": ["query", "NOPE"],
    "a ministry that reads nothing": ["query", "PRM_NEW", "--member", "nobody"],
    "unknown tables": ["subscribe", "--tables", "PRM_NEW,NOPE"],
    "unknown receipts": ["receipts", "list", "--member", "nobody"],
    "nothing published": ["receipts", "list", "--member", "sms"],
}

MACHINE = {
    "no keys to verify with": ["receipts", "verify", "--member", "sms", "--file", "x"],
    "nothing runs": ["status"],
    "nobody to ask": ["query", "PRM_NEW"],
    "no keys": ["publish", "--member", "sms"],
}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(code, words, id=name)
        for code, cases in ((2, USAGE), (1, INPUT), (3, MACHINE))
        for name, words in cases.items()
    ],
)
def test_a_wrong_call_is_one_line_and_its_code(
    code: int, words: list[str], capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    """Usage is 2, input is 1, the machine is 3; nothing is made on the way."""
    assert code == main(words)
    said = capsys.readouterr()
    assert said.err.startswith("kerwen: ")
    assert said.err.count("\n") == 1
    assert ("--json" in words) == bool(said.out)
    assert not (home / "run").exists()


def test_an_error_is_an_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asked for JSON gets JSON, also when it fails."""
    assert main(["status", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["exit"], "kerwen up" in said["error"]) == (3, True)


def test_down_without_a_hub_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Asking twice does no harm."""
    assert main(["down", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is False


def test_up_refuses_brokers_of_somebody_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An embedded hub beside a named broker would be read by nobody."""
    monkeypatch.setenv("KERWEN_BOOTSTRAP", "127.0.0.1:1")
    assert main(["up"]) == 2
    assert "unset it" in capsys.readouterr().err


def test_sample_writes_files_and_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The object counts what is on the disk."""
    words = ["sample", "--output", "made", "--persons", "50", "--json"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())
    assert said["files"] == len(manifest["files"])
    assert said["persons"] == 50


def test_sample_says_where_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be is the machine's fault, in one line."""
    (tmp_path / "taken").write_text("")
    assert main(["sample", "--output", "taken", "--persons", "10"]) == 3
    assert "choose another --output" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented(verb: str) -> None:
    """A verb nobody can read about does not exist."""
    texts = [(ROOT / name).read_text("utf-8") for name in DOCUMENTS]
    assert any(f"kerwen {verb}" in text for text in texts)
