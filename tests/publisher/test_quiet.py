"""A day with cases and a day without look the same to whoever is not the ministry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from hub.cli import ministry
from hub.core.catalogue.model import Catalogue
from hub.core.codelists import TOTAL
from hub.core.errors import UsageError
from hub.core.messages import Envelope, EnvelopeHeader, decode, decode_as
from hub.core.period import DAY_MS
from hub.edge.metrics import Metrics
from hub.publisher import accounts, ledger, quiet
from hub.publisher.figures import STAGE, Spools
from hub.publisher.publish import Session
from hub.publisher.watch import Watch
from hub.publisher.watch_plan import FolderPlan, Plan

FLOW, MEMBER = "service_contact", "moh"
SLOTS = quiet.read("02:00")
START_MS = SLOTS.passed(1_770_000_000_000)
"""A slot; the day after it is the first day."""
HOUR_MS = 3_600_000


def contacts(catalogue: Catalogue, rows: int, first: int) -> pl.DataFrame:
    """Valid contacts: the first code of every list."""
    flow = catalogue.dataflows[FLOW]
    given: dict[str, Any] = {}
    for field in flow.fields:
        if field.codelist is not None:
            codes = catalogue.codelists[field.codelist].codes
            given[field.name] = next(one for one in codes if one not in {TOTAL, "_X"})
    given |= {"birth_year": 1990, "contact_date": "2025-03-04", "sex": "F"}
    numbers = [f"{number:06}" for number in range(first, first + rows)]
    known = {field.name for field in flow.fields}
    frame = pl.DataFrame({"record_id": numbers, "case_ref": numbers})
    return frame.with_columns(
        **{name: pl.lit(value) for name, value in given.items() if name in known}
    ).drop("revision", "action", strict=False)


class Ministry:
    """One installation with a clock of its own, and what others see of it."""

    def __init__(self, desk: Any, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        self.now_ms = START_MS + HOUR_MS
        self.slots: quiet.Slots | None = SLOTS
        self.published = 0
        self.seen: list[object] = []

    def session(self) -> Session:
        """The member at its spool."""
        return Session.open(
            self.desk.settings,
            self.desk.catalogue,
            MEMBER,
            broker=self.desk.hub,
            slots=self.slots,
            now_ms=lambda: self.now_ms,
        )

    def work(self, rows: int = 0) -> None:
        """Publish, send what is due; look as others do."""
        with self.session() as session:
            session.pause = lambda _: None
            if rows:
                path = self.folder / f"{self.published}.csv"
                contacts(self.desk.catalogue, rows, self.published).write_csv(path)
                self.published += rows
                session.add(FLOW, path)
            session.settle(0)
            self.seen.append(ministry.waiting(session))
        self.seen.append(self.broker())
        self.seen.append(self.metrics())
        self.seen.append(dict(self.desk.hub.shown))

    def day(self, rows: int = 0) -> None:
        """A day of work and the slot that ends it."""
        self.now_ms += 8 * HOUR_MS
        self.work(rows)
        self.now_ms = SLOTS.following(self.now_ms)
        self.work()
        self.now_ms += HOUR_MS

    def broker(self) -> dict[str, list[tuple[int, int]]]:
        """Of every topic the sizes of its messages, and what they are dated."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for (topic, _), values in sorted(self.desk.hub.logs.items()):
            for value in values:
                message = decode(value)
                made = 0
                if isinstance(message, Envelope):
                    made = decode_as(EnvelopeHeader, message.header).created_ms
                found[topic].append((len(value), made))
        return dict(found)

    def metrics(self) -> bytes:
        """What Prometheus reads at the ministry's machine."""
        registry = CollectorRegistry()
        folder = self.desk.settings.home.spool
        registry.register(Spools(folder, {FLOW}, lambda: self.now_ms))
        lines = generate_latest(registry).splitlines()
        # The brokers of these tests have the real time, this ministry its own.
        return b"\n".join(line for line in lines if b"clock_ahead" not in line)

    def accepted(self) -> int:
        """Rows the hub took."""
        with self.session() as session:
            return sum(
                one.rows for one in ledger.items(session.spool) if one.receipt
            ) - sum(one.quarantined for one in accounts.accounts(session.spool))


@pytest.fixture
def two(
    tmp_path: Path, catalogue: Catalogue, make_desk: Callable[..., Any]
) -> list[Ministry]:
    """Two installations of one ministry, each with a hub."""
    found = []
    for name in ("busy", "idle"):
        folder = tmp_path / name
        folder.mkdir()
        found.append(Ministry(make_desk(folder / "home", catalogue), folder))
    return found


def test_a_busy_day_and_an_idle_one_look_the_same(two: list[Ministry]) -> None:
    """Counts, sizes, times at the brokers; figures of Prometheus; the command."""
    busy, idle = two
    for rows in (0, 3, 120, 0, 40):
        busy.day(rows)
        idle.day()

    assert busy.accepted() == 163
    assert busy.seen == idle.seen
    assert {"envelopes_total", "messages_total"} & {n for n, _ in busy.desk.hub.shown}
    sealed = busy.broker()[f"ministry.{MEMBER}.{FLOW}"]
    assert [made for _, made in sealed] == [START_MS + n * DAY_MS for n in range(1, 6)]
    assert len({size for size, _ in sealed}) == 1


def test_without_slots_they_do_not(two: list[Ministry]) -> None:
    """The twin: sent at once, an observer tells the days apart."""
    counts = []
    for one, rows in zip(two, (120, 0), strict=True):
        with one.desk.session(MEMBER) as session:
            if rows:
                path = one.folder / "a.csv"
                contacts(one.desk.catalogue, rows, 0).write_csv(path)
                session.publish(FLOW, path)
        counts.append(len(one.broker()))

    assert counts[0] > counts[1]


def test_what_one_batch_does_not_hold_waits_for_the_next_days(
    two: list[Ministry],
) -> None:
    """Nine hundred rows take three days, and one message a day."""
    busy, idle = two
    for rows in (900, 0, 0, 0):
        busy.day(rows)
        idle.day()

    assert busy.accepted() == 900
    assert busy.broker() == idle.broker()


def test_days_without_the_service_are_made_up_for(two: list[Ministry]) -> None:
    """After a pause every missed slot has its batch, and rows go into the next one."""
    for one, rows in zip(two, (5, 0), strict=True):
        one.day()
        one.now_ms += 4 * DAY_MS
        one.day(rows)

    busy, idle = two
    assert busy.broker() == idle.broker()
    assert len(busy.broker()[f"ministry.{MEMBER}.{FLOW}"]) == 6
    assert busy.accepted() == 5


def test_the_service_wakes_at_the_slot_and_opens_the_spool_for_nothing_else(
    two: list[Ministry],
) -> None:
    """Three days, looked at every hour: one batch each, sent when its slot came."""
    [one, _] = two
    opened: list[int] = []

    def session() -> Session:
        opened.append(one.now_ms)
        return one.session()

    watch = Watch(
        plan=Plan(member=MEMBER, every_seconds=1.0),
        open=session,
        metrics=Metrics(STAGE),
        listings=one.folder,
        say=lambda _: None,
        wall_ms=lambda: one.now_ms,
        slotted=True,
    )
    for _ in range(3 * 24):
        watch.round()
        one.now_ms += HOUR_MS

    slots = [START_MS + number * DAY_MS for number in range(1, 4)]
    sealed = one.broker()[f"ministry.{MEMBER}.{FLOW}"]
    assert [made for _, made in sealed] == slots
    assert [at for at in opened if at in slots] == slots
    assert len(opened) == 4


@pytest.mark.parametrize("slots", [None, quiet.read("14:30")], ids=["none", "other"])
def test_by_hand_the_hour_of_the_spool_holds(
    two: list[Ministry], slots: quiet.Slots | None
) -> None:
    """A command beside the service that knows no hour, or another one."""
    busy, idle = two
    for one, rows in zip(two, (5, 0), strict=True):
        one.day()
        one.now_ms += 8 * HOUR_MS
        one.slots = slots
        one.work(rows)
        with one.session() as session:
            assert session.slots == SLOTS
        one.slots = SLOTS
        one.day()

    assert busy.accepted() == 5
    assert busy.seen == idle.seen
    path = busy.desk.settings.home.spool / f"{MEMBER}.sqlite"
    assert quiet.begun(path)
    assert not quiet.begun(path.with_name("other.sqlite"))


def test_nothing_of_it_is_sent_twice(two: list[Ministry]) -> None:
    """Neither before its slot nor as a second message of a day."""
    busy, idle = two
    for one in two:
        one.day()
    path = busy.folder / "a.csv"
    contacts(busy.desk.catalogue, 5, 0).write_csv(path)
    for _ in range(2):
        with busy.session() as session:
            session.pause = lambda _: None
            done = session.publish(FLOW, path, resend=True, wait_seconds=0)
        assert "a slot were not sent twice" in done.notes[0]
        busy.now_ms += DAY_MS
    for one in two:
        one.now_ms = START_MS + 5 * DAY_MS
        one.work()

    assert busy.accepted() == 5
    assert busy.broker() == idle.broker()


@pytest.mark.parametrize("files", [0, 1, 3])
def test_how_often_something_came_is_not_counted(
    two: list[Ministry], tmp_path: Path, files: int
) -> None:
    """A file or a push a case would be the number of cases; what fails is told."""
    [one, _] = two
    flow = one.desk.catalogue.dataflows[FLOW]
    place = tmp_path / "in"
    place.mkdir()
    folder = FolderPlan(path=place, flow=flow, settle_seconds=0, marked=True)
    watch = Watch(
        plan=Plan(member=MEMBER, folders=(folder,)),
        open=one.session,
        metrics=Metrics(STAGE),
        listings=one.folder,
        say=lambda _: None,
        wall_ms=lambda: one.now_ms,
        slotted=True,
        hushed={FLOW},
    )
    for number in range(files):
        path = place / f"{number}.csv"
        contacts(one.desk.catalogue, 1, number).write_csv(path)
        path.with_name(f"{path.name}.done").touch()
        watch.counted("pushes_total", dataflow=FLOW, outcome="202")
    watch.round()
    watch.round()

    assert len(list(place.glob("done/*.csv"))) == files
    assert FLOW not in watch.metrics.text().decode()
    watch.counted("pushes_total", dataflow=FLOW, outcome="503")
    watch.counted("files_total", dataflow=FLOW, outcome="failed")
    watch.counted("pushes_total", dataflow="visa_issued", outcome="202")
    told = watch.metrics.text().decode()
    assert told.count(f'dataflow="{FLOW}"') >= 2
    assert 'dataflow="visa_issued"' in told


def test_a_time_of_day_is_read() -> None:
    """And nothing else is."""
    assert quiet.read("02:30").offset_ms == 9_000_000
    with pytest.raises(UsageError, match="expected a time"):
        quiet.read("two")
