"""The bundle of ``kerwen doctor``: helps, and leaks nothing that was planted."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path

import pytest

from hub.cli import diagnostics
from hub.cli.main import main
from hub.core import topics
from hub.edge import keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Home
from hub.embedded import pki
from hub.publisher.spool import Spool

PLANTED = ("Gurbangeldi", "Nuryýewa", "I-AH 482913", "90871234567", "1987-03-21")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with keys, certificates, a spool, and identities in every log."""
    made = Home(root=tmp_path / "home")
    made.make()
    pki.issue(made, ["intake", "sms"])
    keyring.create(made.root, read_catalogue(), now_ms=1)
    with Spool.open(made.spool / "sms.sqlite"):
        pass
    line = {
        "time": "2026-11-22T10:00:00+0000",
        "level": "error",
        "logger": "agents.runtime",
        "message": f"no progress: {' '.join(PLANTED)} after offset 17",
        "person": PLANTED[0],
        "stage": "intake",
    }
    text = f"{json.dumps(line, ensure_ascii=False)}\nTraceback {PLANTED[1]}\n"
    for name in ("intake-0", "supervisor"):
        (made.logs / f"{name}.log").write_text(text, "utf-8")
    monkeypatch.setenv("KERWEN_HOME", str(made.root))
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    return made


def secrets(home: Home) -> list[str]:
    """Every file below keys and pki, as it stands, in base64 and in hex; in pieces."""
    found = []
    for folder in (home.keys, home.pki):
        for path in folder.rglob("*"):
            # The registry is public; its digest names no key.
            if path.is_file() and path.name != "registry.json":
                content = path.read_bytes()
                piece = content[-40:-8] or content
                found.append(piece.hex())
                found.append(base64.b64encode(piece).decode())
                found += [
                    word for word in content.decode("latin-1").split() if len(word) > 20
                ]
    return found


def test_nothing_that_was_planted_is_in_it(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No identity, no key, no path; but the fault and its place."""
    file = tmp_path / "bundle.zip"
    assert main(["doctor", "--bundle", str(file), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    with zipfile.ZipFile(file) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(said["parts"]) == set(texts)
    whole = "\n".join((*texts, *texts.values()))
    for planted in (*PLANTED, "482913", str(home.root), tmp_path.name):
        assert planted not in whole
    known = secrets(home)
    assert len(known) > 50
    assert [secret for secret in known if secret in whole] == []

    [kept, foreign] = texts["logs/intake-0.jsonl"].splitlines()
    assert json.loads(kept)["message"].startswith("no progress: ")
    assert json.loads(kept)["message"].endswith(" after offset 17")
    assert "person" not in json.loads(kept)
    assert json.loads(foreign) == {"lines_left_out": 1}
    findings = json.loads(texts["findings.json"])
    assert "no hub" in {one["what"] for one in findings}
    assert json.loads(texts["versions.json"])["packages"]["polars"]


def test_a_quiet_log_is_not_counted() -> None:
    """Neither position nor lag; without a catalogue of none."""
    quiet, loud = "ministry.moh.service_contact", "ministry.sms.border_crossing"
    said = {
        "workers": [
            {
                "partitions": [
                    {"topic": name, "position": 7, "end": 9, "lag": 2}
                    for name in (quiet, loud)
                ]
            }
        ]
    }
    hushed = topics.quiet(read_catalogue())

    [worker] = diagnostics._without(said, hushed)["workers"]
    [unknown] = diagnostics._without(said, None)["workers"]

    assert worker["partitions"] == [
        {"topic": quiet},
        {"topic": loud, "position": 7, "end": 9, "lag": 2},
    ]
    assert unknown["partitions"] == [{"topic": quiet}, {"topic": loud}]


def test_a_bundle_that_cannot_be_written_is_told(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there."""
    assert main(["doctor", "--bundle", str(home.root / "no" / "b.zip")]) == 3
    assert "name another file" in capsys.readouterr().err
