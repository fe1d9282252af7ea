"""``kerwen onboard``: nobody is let in whom nobody called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.cli.main import main
from hub.edge import keyring
from hub.edge.files import read_catalogue
from tests.deploy.rail.world import AGREEMENT, copied

JOIN = ["onboard", "ministry", "--agreement", str(AGREEMENT), "--request"]


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's home whose brokers are away, with a catalogue of its own."""
    catalogue = copied(tmp_path / "catalogue", member=False)
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    monkeypatch.setenv("KERWEN_CATALOGUE", str(catalogue))
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "hub"))
    shutil.copytree(november, tmp_path / "hub" / "keys")
    return tmp_path / "hub"


@pytest.fixture
def asked(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[Path, str]:
    """What the ministry sent, and what it reads out by telephone."""
    request = tmp_path / "request.json"
    with monkeypatch.context() as there:
        there.setenv("KERWEN_HOME", str(home.parent / "mot"))
        ask = ["onboard", "request", "--agreement", str(AGREEMENT)]
        assert main([*ask, "--output", str(request), "--json"]) == 0
    return request, json.loads(capsys.readouterr().out)["fingerprint"]


@pytest.mark.parametrize("heard", ["", "00 11", "all of it"])
def test_a_request_is_taken_only_with_what_was_heard(
    home: Path,
    asked: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    heard: str,
) -> None:
    """Without it nothing is written; with it the first step is the act in the trail."""
    request, fingerprint = asked
    before = keyring.registry(home).text()
    said = fingerprint.upper() if heard == "all of it" else heard
    given = ["--fingerprint", said] if said else []

    code = main([*JOIN, str(request), *given, "--json"])

    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    text = {2: "call mot", 1: "is another", 3: "no hub"}[code]
    assert code == {"": 2, "00 11": 1, "all of it": 3}[heard]
    assert text in error
    assert fingerprint not in shown.out + shown.err
    assert keyring.registry(home).text() == before
    assert "mot" not in read_catalogue(home.parent / "catalogue").members
    assert not (home / "onboarding").exists()
