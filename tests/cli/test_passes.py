"""Who is revoked is out at once; who is let in again is let in by an act."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.cli.main import main
from hub.edge import passes
from hub.edge.settings import Home


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with keys whose brokers are away."""
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "home"))
    shutil.copytree(november, tmp_path / "home" / "keys")
    return Home(root=tmp_path / "home")


def test_without_brokers_an_access_ends_and_none_begins(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trail is written first, but for what cannot wait; that is asked for again."""
    revoke = ["gateway", "revoke", "--member", "unicef", "--reason", "a laptop is lost"]
    assert main(revoke) == 3
    assert "run the same again" in capsys.readouterr().out.replace("\n", " ")
    assert set(passes.revoked(home).members) == {"unicef"}

    assert main(["gateway", "restore", "--member", "unicef", "--json"]) == 3

    assert "no hub" in json.loads(capsys.readouterr().out)["error"]
    assert set(passes.revoked(home).members) == {"unicef"}
