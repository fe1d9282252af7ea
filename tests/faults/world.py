"""A home that is well, and what it takes to break one and to do what doctor says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hub.cli import asking
from hub.cli.main import main
from hub.core.bundle import Bundle
from hub.edge import archive, bundles, checkpoints, keyring, passes
from hub.edge.files import read_catalogue, read_sources
from hub.edge.settings import Home, Settings
from hub.edge.state import Budget, open_state
from hub.embedded.supervisor import equip
from hub.publisher.spool import Spool
from tests.deploy.rail.world import copied

SHELF = "release/hub.cells-0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One home and how a person acts on it.

    Attributes:
        run: The command with its words; exit code and object.
        asides: What stands in a command for something only a person knows.
    """

    settings: Settings
    run: Callable[..., tuple[int, dict[str, Any]]]
    asides: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The home."""
        return self.settings.home.root

    @property
    def catalogue(self) -> Path:
        """Its catalogue's folder."""
        assert self.settings.catalogue is not None
        return self.settings.catalogue

    def doctor(self) -> dict[str, str]:
        """What doctor finds, each with its command."""
        _, said = self.run("doctor")
        return {one["what"]: one["command"] for one in said["findings"]}

    def obey(self, command: str) -> None:
        """Do what a finding's command says, as it stands there."""
        for part in command.partition("  #")[0].split(" && "):
            words = [self.asides.get(word, word) for word in part.split()]
            if words[0] != "kerwen":
                self._shell(words)
            elif words[1] == "up":
                equip(self.settings.home, read_catalogue(self.settings.catalogue))
            elif words[1] != "down":
                code, said = self.run(*words[1:])
                assert code == 0 or words[1:] == ["topics", "checkpoint"], (words, said)

    def _shell(self, words: list[str]) -> None:
        if words[0] == "openssl":  # the password that a person would type
            words = [*words, "-passin", "pass:secret"]
        subprocess.run(words, check=True, capture_output=True)


def tiny(folder: Path) -> Path:
    """A small catalogue: one dataflow, its ministry, a member; read in a moment."""
    copied(folder, member=True)
    for room, kept in (
        ("tables", {"RAIL_EVT", "DECLARED", "DECLARED_A", "DECLARED_Q"}),
        ("dataflows", {"declaration", "rail_journey"}),
        ("providers", {"mot", "iom"}),
    ):
        for path in (folder / room).glob("*.toml"):
            if path.stem not in kept:
                path.unlink()
    for path in (folder / "tables").glob("DECLARED*.toml"):
        kept_by = path.read_text("utf-8")
        path.write_text(kept_by.replace('custodian = "stat"', 'custodian = "mot"'))
    return folder


def well(root: Path) -> Settings:
    """A home as a hub leaves it: keys, certificates, bundle, spool, checkpoint."""
    settings = Settings(
        home=Home(root=root / "home"), catalogue=tiny(root / "catalogue")
    )
    home, catalogue = settings.home, read_catalogue(settings.catalogue)
    home.make()
    equip(home, catalogue)
    first = Bundle(catalogue=catalogue, registry=keyring.registry(home.root))
    key = keyring.control(home.root).control
    bundles.write(home.bundles, first, *read_sources(settings.catalogue), key)
    bundles.set_applied(home.bundles, first.digest)
    passes.issue(home, "iom", now_ms=0, until_ms=1)
    passes.revoke(home, now_ms=0, reason="", member="mot")
    passes.restore(home, "mot")
    Spool.open(home.spool / "mot.sqlite").close()
    state = open_state(home.state / SHELF, Budget.of())
    assert state is not None
    state.write({b"a": b"1"})
    checkpoints.take(state, settings.shelves / SHELF, offset=7, log="00" * 16)
    state.close()
    to = archive.read_public(archive.make_key(root / "recovery.key"))
    parts = [one for one in home.root.iterdir() if one.name not in {"state", "run"}]
    archive.write(
        root / "archive", home.root, parts, to=to, about={"created": "before"}
    )
    return settings


def at(
    settings: Settings,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Case:
    """The command in a home; `root` holds its archive."""
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    # Other tests run at the same time; how fast doctor is, is tested elsewhere.
    monkeypatch.setattr(asking, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr(asking, "REACH_SECONDS", 10.0)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    asides = {
        "ARCHIVE": str(root / "archive"),
        "RECOVERY": str(root / "recovery.key"),
        "TEXT": "because",
    }
    return Case(settings=settings, run=run, asides=asides)


def case(
    well_root: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Case:
    """A copy of a home that is well, to be broken."""
    root = folder / "case"
    shutil.copytree(well_root, root)
    settings = Settings(home=Home(root=root / "home"), catalogue=root / "catalogue")
    return at(settings, root, monkeypatch, capsys)
