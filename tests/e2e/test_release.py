"""A release from draft to withdrawal, by command, on one real hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hub.cli import clock
from hub.core.messages import Notice
from hub.core.release import drafts
from hub.edge import control, enacting, notices
from hub.edge.files import catalogue_folder, read_catalogue
from hub.edge.settings import Home, Settings, from_environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TABLE, FLOW = "PRM_NEW", "residence_permit"
_SECONDS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub whose releases wait for the statisticians' word."""

    folder: Path
    settings: Settings

    def kerwen(self, line: str, *, code: int = 0) -> dict[str, Any]:
        """Run a command; what it said as JSON, or its error."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *line.split(), "--json"],
            cwd=self.folder,
            env={
                **os.environ,
                "KERWEN_HOME": str(self.settings.home.root),
                "KERWEN_CATALOGUE": str(self.settings.catalogue),
                "KERWEN_CALENDAR": "off",
            },
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == code, f"{line}: {done.returncode} {done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A year of permits, declared; nothing released."""
    folder = tmp_path_factory.mktemp("release")
    declared = folder / "catalogue"
    shutil.copytree(catalogue_folder(), declared)
    text = (declared / "calendar.toml").read_text()
    (declared / "calendar.toml").write_text(
        text.replace("hour = 10", 'hour = 10\napproval = "stat"')
    )
    made = Hub(
        folder=folder,
        settings=from_environment(
            {"KERWEN_HOME": str(folder / "home"), "KERWEN_CATALOGUE": str(declared)}
        ),
    )
    made.kerwen("up")
    try:
        made.kerwen("sample --output sample --persons 600")
        for member in ("sms", "mfa"):
            found = [str(f) for f in (folder / "sample" / member).glob(f"{FLOW}-*.csv")]
            made.kerwen(
                f"publish --member {member} --dataflow {FLOW} {' '.join(found)}"
            )
            made.kerwen(f"declare --member {member} --dataflow {FLOW} --period 2025")
        yield made
    finally:
        made.kerwen("down")


def test_a_release_from_draft_to_withdrawal(hub: Hub) -> None:
    """Seen before it is let out; let out once; proved, altered, taken back."""
    # Members who made their own keys left the hub no certificate of theirs.
    with _without_members(hub):
        draft = hub.kerwen(f"release draft --period 2025 --tables {TABLE}")
        marker = draft["marker"][:8]
        assert marker in _waiting(hub)
        assert hub.kerwen("catalogue gender")["hub"] is True
    assert draft["utility"]
    assert "nothing is released" in hub.kerwen(f"query {TABLE}", code=1)["error"]

    word = "--reason looked-at"
    wrong = hub.kerwen(f"release approve --marker {marker} --member iom {word}", code=1)
    assert "the calendar asks for 'stat'" in wrong["error"]
    let_out = hub.kerwen(f"release approve --marker {marker} --member stat {word}")
    assert let_out["observations"] > 0
    assert marker not in _waiting(hub)
    assert hub.kerwen(f"query {TABLE}")["observations"]

    hub.kerwen(f"subscribe --tables {TABLE} --output figures.jsonl")
    keys = hub.settings.home.root / "keys" / "registry.json"
    assert hub.kerwen(f"verify figures.jsonl --keys {keys}")
    path = hub.folder / "figures.jsonl"
    content = path.read_text()
    at = content.index('"F"')
    path.write_text(content[:at] + '"M"' + content[at + 3 :])
    altered = hub.kerwen(f"verify figures.jsonl --keys {keys}", code=1)
    assert "was signed and is not here" in json.dumps(altered["findings"])

    again = hub.kerwen(f"release run --period 2025 --tables {TABLE}", code=1)
    assert "stands already" in again["error"]
    assert "stands" in _refused(hub.settings)

    hub.kerwen(f"release withdraw --marker {marker} --tables {TABLE} {word}")
    assert "nothing is released" in hub.kerwen(f"query {TABLE}", code=1)["error"]


@contextmanager
def _without_members(hub: Hub) -> Iterator[None]:
    """Put the members' certificates aside meanwhile."""
    pki, aside = hub.settings.home.pki, hub.folder / "aside"
    aside.mkdir()
    theirs = [f"{one}.pem" for one in read_catalogue(hub.settings.catalogue).members]
    for name in theirs:
        (pki / name).rename(aside / name)
    try:
        yield
    finally:
        for name in theirs:
            (aside / name).rename(pki / name)


def _waiting(hub: Hub) -> list[str]:
    """Drafts that wait for a word."""
    return [one["marker"][:8] for one in hub.kerwen("release plan")["drafts"]]


def _refused(settings: Settings) -> str:
    """What release says to a marker that no command would have written."""
    catalogue = enacting.in_force(settings)
    connected = _connected(settings)
    with notices.Ear(connected) as ear:
        close = control.close(connected, catalogue, period="2025", tables=(TABLE,))
        while True:
            for one in ear.news():
                if one.marker == close.marker:
                    return _reason(one)


def _reason(notice: Notice) -> str:
    assert notice.kind == drafts.REFUSED
    return notice.reason.decode()


def _connected(settings: Settings) -> Settings:
    """Settings as a command of this home has them."""
    assert settings.catalogue is not None
    return from_environment(
        {
            "KERWEN_HOME": str(settings.home.root),
            "KERWEN_CATALOGUE": str(settings.catalogue),
        }
    )


def test_the_clock_needs_no_more_than_a_container_of_it_is_given(
    hub: Hub, tmp_path: Path
) -> None:
    """Key and certificate of control, the registry, the folder of bundles."""
    given, home = hub.settings.home, Home(root=tmp_path)
    for name in ("keys/control", "keys/registry.json", "pki/ca.pem", "pki/control.pem"):
        source, target = given.root / name, tmp_path / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    home.bundles.symlink_to(given.bundles)
    brokers = _connected(hub.settings).brokers()
    made = clock._clock(replace(hub.settings, home=home, bootstrap=brokers))
    assert [one for one in made.due(made.since) if one.state == "due"]

    with notices.Ear(_connected(hub.settings)) as ear:
        made.close(("2025", "R", (TABLE,)))
        [told] = ear.news()
    assert (told.kind, told.period, told.vintage) == (drafts.DRAFT, "2025", "R")


def test_a_persons_request(hub: Hub) -> None:
    """Found at the ministry, cancelled, and no longer counted."""
    [file, *_] = sorted((hub.folder / "sample" / "sms").glob(f"{FLOW}-*.csv"))
    head, first, *_ = file.read_text().splitlines()
    record = first.split(",")[head.split(",").index("record_id")]
    found = hub.kerwen(f"receipts find --member sms --record {record}")
    assert [row["dataflow"] for row in found["rows"]] == [FLOW]

    about = f"--member sms --dataflow {FLOW} --record {record}"
    done = hub.kerwen(f"receipts cancel {about} --file {file}")
    assert done["cancellation"]["state"] == "final"
    early = hub.kerwen(f"receipts prove {about} --file proof.json", code=1)
    assert "or a period was closed" in early["error"]
    hub.kerwen(f"release draft --period 2025 --vintage R --tables {TABLE}")
    proof = hub.kerwen(f"receipts prove {about} --file proof.json")
    assert proof["gone"]
    assert json.loads((hub.folder / "proof.json").read_text())["statement"]
    assert hub.kerwen("audit")["audit"] == "equal"
    assert len(hub.kerwen(f"receipts find --member sms --record {record}")["rows"]) == 2
