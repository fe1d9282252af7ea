"""Whoever lives through the years of a hub: its operator, a ministry, an upgrade."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from hub.cli.main import main
from hub.client import wait_for
from hub.core.catalogue.model import Catalogue
from hub.core.messages import Close
from hub.edge import control
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.keeping import Kept
from hub.embedded.supervisor import Supervisor
from hub.publisher import mapping
from hub.publisher.publish import Session
from hub.trials import audit
from hub.trials.audit import Audit
from tests.deploy.rail.world import MAPPING, journeys

FLOW = "rail_journey"
ROWS = 40
SECONDS = 120
PAUSE_SECONDS = 0.3
"""Between two files: workers that start need the processor, too."""


def said(
    settings: Settings, *words: str, codes: tuple[int, ...] = (0,)
) -> dict[str, Any]:
    """What the command says in a home; it must succeed, or end with one of `codes`."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        for name in ("KERWEN_BOOTSTRAP", "KERWEN_HOME", "KERWEN_CATALOGUE"):
            patch.delenv(name, raising=False)
        for name, value in settings.environment().items():
            patch.setenv(name, value)
        code = main([*words, "--json"])
    found: dict[str, Any] = json.loads(out.getvalue())
    assert code in codes, (words, found)
    return found


def doctor(settings: Settings) -> list[str]:
    """What doctor finds, each with the command that mends it."""
    found = said(settings, "doctor", codes=(0, 1))["findings"]
    return [f"{one['what']}: {one['command']}" for one in found]


def at_rest(settings: Settings) -> list[str]:
    """What doctor finds for good.

    A busy machine answers late, and a state that stands still has its copy with time.
    """
    deadline = time.monotonic() + SECONDS
    while (found := doctor(settings)) and time.monotonic() < deadline:
        time.sleep(1)
    return found


@dataclass(kw_only=True)
class Ministry:
    """A publisher on a machine of its own, which nothing happens to.

    Attributes:
        settings: Its home; the brokers are those of the hub there is now.
        files: What it published, in order.
    """

    settings: Settings
    catalogue: Catalogue
    files: list[Path] = field(default_factory=list)

    @classmethod
    def of(cls, hub: Supervisor, folder: Path) -> Ministry:
        """The ministry with what it was given at the hub."""
        for name in ("keys/mot", "keys/registry.json", "pki/ca.pem", "pki/mot.pem"):
            source, target = hub.home.root / name, folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        settings = replace(hub.settings, home=Home(root=folder))
        catalogue = read_catalogue(hub.settings.catalogue)
        return cls(settings=settings, catalogue=catalogue)

    def meets(self, hub: Supervisor) -> None:
        """The hub has other brokers now."""
        self.settings = replace(self.settings, bootstrap=hub.settings.bootstrap)

    def publish(self, *, again: Path | None = None) -> Path:
        """Another file of the year, or one once more; to the last receipt."""
        number = len(self.files)
        path = again or journeys(self.settings.home.root / f"{number}.csv", ROWS)
        if again is None:
            text = path.read_text("utf-8").replace("T0;", f"N{number};")
            path.write_text(text, "utf-8")
            self.files.append(path)
        flow = self.catalogue.dataflows[FLOW]
        read = mapping.load(MAPPING.read_text("utf-8"), "mapping.toml", flow)
        with Session.open(self.settings, self.catalogue, "mot") as session:
            done = session.publish(
                FLOW,
                path,
                mapping=read,
                again=again is not None,
                wait_seconds=SECONDS,
            )
        assert (done.accepted, done.waiting) == (ROWS, 0), done
        return path


class Flowing(threading.Thread):
    """Publishes file after file until it is told to end."""

    def __init__(self, ministry: Ministry) -> None:
        super().__init__(name="ministry", daemon=True)
        self.ministry = ministry
        self.error: BaseException | None = None
        self._end = threading.Event()

    def run(self) -> None:
        """One file after another."""
        try:
            while not self._end.wait(PAUSE_SECONDS):
                self.ministry.publish()
        except BaseException as error:  # noqa: BLE001 - raised where it is joined
            self.error = error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join(SECONDS)
        if self.error is not None:
            raise self.error


def version_of(kept: Kept) -> Path:
    """Where the code of a running worker comes from."""
    assert kept.pid is not None
    lines = Path(f"/proc/{kept.pid}/environ").read_text().split("\0")
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    return Path(named["PYTHONPATH"])


def move(kept: Kept, code: Path) -> None:
    """Upgrade one worker: stopped, started with other code, ready."""
    before = kept.restarts
    kept.environment = {**kept.environment, "PYTHONPATH": str(code)}
    kept.stop(time.monotonic() + 20)
    deadline = time.monotonic() + SECONDS
    while kept.restarts == before or not kept.is_ready():
        assert time.monotonic() < deadline, kept.last_words()
        time.sleep(0.1)
    assert kept.restarts == before + 1, kept.last_words()


def closed(settings: Settings, vintage: str) -> Close:
    """Close the year and wait for the figures."""
    catalogue = read_catalogue(settings.catalogue)
    marker = control.close(settings, catalogue, period="2025", vintage=vintage)
    wait_for(settings, "iom", marker.marker, marker.tables, timeout=SECONDS)
    return marker


def recounted(settings: Settings, marker: Close) -> Audit:
    """What an audit says of a cut."""
    return audit.audit(settings, None, marker.marker)


@contextlib.contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    """How long a step takes."""
    began = time.monotonic()
    yield
    times[name] = round(time.monotonic() - began, 1)
