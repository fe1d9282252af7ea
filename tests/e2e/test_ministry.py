"""A ministry and its hub: publishers that die, a stage that halts, broken rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hub.core.catalogue.model import Catalogue
from hub.core.reasons import Reason
from hub.core.reconcile import Difference, Line
from hub.core.topics import records_topic
from hub.edge import keyring
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher import accounts, ledger, mending, receipts
from hub.publisher.accounts import Account
from hub.publisher.entries import Fate, State
from hub.publisher.publish import Session
from hub.publisher.spool import Spool
from hub.trials import live
from hub.trials.sample import broken
from hub.trials.sample.write import write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

HERE = Path(__file__).parent
FLOW = "border_crossing"
ROWS, BATCH = 25, 10
CLOSED_SECONDS = 60.0


class Publisher:
    """The process of killed_publisher."""

    def __init__(self, settings: Settings) -> None:
        path = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        self._child = subprocess.Popen(
            [sys.executable, str(HERE / "killed_publisher.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings.environment(), "PYTHONPATH": path},
        )
        self.steps: list[str] = self._answer()

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        return json.loads(self._child.stdout.readline())

    def publish(self, path: Path, step: str = "") -> dict[str, Any]:
        """Publish a file, and die at `step`."""
        assert self._child.stdin is not None
        words = {
            "step": step,
            "member": "sms",
            "dataflow": FLOW,
            "file": str(path),
            "rows": BATCH,
        }
        self._child.stdin.write(json.dumps(words) + "\n")
        self._child.stdin.flush()
        return dict(self._answer())

    def close(self) -> None:
        """No more to publish."""
        self._child.communicate(timeout=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened, step by step."""

    catalogue: Catalogue
    settings: Settings
    rest: list[Line]
    held: list[Line]
    closed: list[Line]
    steps: list[str]
    killed: dict[str, dict[str, Any]]
    again: dict[str, dict[str, Any]]
    kinds: set[str]
    broken: dict[str, Account]
    mended: dict[str, Account]
    reasons: set[str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Story:
    """One hub for all of it; dedupe stands still while publishers die."""
    home = tmp_path_factory.mktemp("ministry")
    settings = Settings(home=Home(root=home))
    write(home / "sample", catalogue, persons=200, seed=5)
    with Supervisor(settings, Plan(quick=True), catalogue=catalogue) as hub:
        rest = _equal(hub.settings, catalogue)
        dedupe = next(one.pid for one in hub.kept if one.stage == "dedupe")
        assert dedupe is not None
        os.kill(dedupe, signal.SIGSTOP)
        try:
            publisher = Publisher(hub.settings)
            first = home / "first.csv"
            _rows(home, 0).write_csv(first)
            publisher.publish(first)
            held = _held(hub.settings, catalogue)
            killed, again = _kill_at_every_step(publisher, home)
            publisher.close()
            mended = _mend_every_kind(hub.settings, catalogue, home)
        finally:
            os.kill(dedupe, signal.SIGCONT)
        closed = _equal(hub.settings, catalogue)
        return Story(
            catalogue=catalogue,
            settings=settings,
            rest=rest,
            held=held,
            closed=closed,
            steps=publisher.steps,
            killed=killed,
            again=again,
            **mended,
        )


def _equal(settings: Settings, catalogue: Catalogue) -> list[Line]:
    """The lines when nothing is on its way any more."""
    deadline = time.monotonic() + CLOSED_SECONDS
    while True:
        lines = live.look(settings, catalogue)
        if all(one.state == "equal" for one in lines):
            return lines
        assert time.monotonic() < deadline, [one for one in lines if one.differences]
        time.sleep(0.5)


def _held(settings: Settings, catalogue: Catalogue) -> list[Line]:
    """The lines once intake has shown what it folded; it does so every second."""
    deadline = time.monotonic() + CLOSED_SECONDS
    while True:
        lines = live.look(settings, catalogue)
        wheres = {one.where for line in lines for one in line.differences}
        if wheres == {"dedupe"}:
            return lines
        assert time.monotonic() < deadline, wheres
        time.sleep(0.5)


def _rows(home: Path, number: int) -> pl.DataFrame:
    """Rows of the sample under record ids of their own; the last one is broken."""
    path = min((home / "sample" / "sms").glob(f"{FLOW}-2025-*.csv"))
    rows = pl.read_csv(path, infer_schema=False)
    good = rows.filter(~pl.col("record_id").str.ends_with("-X")).head(ROWS)
    place = pl.int_range(pl.len())
    return good.with_columns(
        record_id=pl.format("K{}-{}", pl.lit(number), place),
        sex=pl.when(place == ROWS - 1).then(pl.lit("Z")).otherwise("sex"),
    )


def _kill_at_every_step(
    publisher: Publisher, home: Path
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """A file of its own for every step: killed there, then published again."""
    killed, again = {}, {}
    for number, step in enumerate(publisher.steps, 1):
        path = home / f"{number}.csv"
        _rows(home, number).write_csv(path)
        killed[step] = publisher.publish(path, step)
        again[step] = publisher.publish(path)
    return killed, again


def _mend_every_kind(
    settings: Settings, catalogue: Catalogue, home: Path
) -> dict[str, Any]:
    """The sample's ways to be wrong: published, mended, sent again."""
    kinds: set[str] = set()
    reasons: set[str] = set()
    before: dict[str, Account] = {}
    after: dict[str, Account] = {}
    with Session.open(settings, catalogue, "sms") as session:
        for name in (FLOW, "residence_permit"):
            flow = catalogue.dataflows[name]
            rows, right = _broken(home, catalogue, name)
            kinds |= {text.split(":")[0] for text in rows["_fate"]}
            path = home / f"broken-{name}.csv"
            rows.drop("_fate", "_n").write_csv(path)
            done = session.publish(name, path)
            assert done.accepted == 0, name
            file = home / "mend" / f"{name}.csv"
            held = [
                one
                for one in accounts.rows(session.spool, Fate.OPEN, dataflow=name)
                if one.name == path.name
            ]
            reasons |= {one.reason for one in held}
            before[name] = _account(session, name)
            mending.write(session.shelf, held, file, {})
            pl.read_csv(file, infer_schema=False).drop(right.columns).hstack(
                right
            ).write_csv(file)
            mended = mending.from_file(session.shelf, flow, file)
            assert (mended.rows, mended.failing) == (len(held), ())
            sent = mending.send(session.shelf, flow, 4)
            assert sent is not None
            assert session.settle(30) == ()
            assert session.summary(sent).accepted == len(held)
            after[name] = _account(session, name)
    return {"kinds": kinds, "reasons": reasons, "broken": before, "mended": after}


def _account(session: Session, name: str) -> Account:
    (one,) = [a for a in accounts.accounts(session.spool) if a.dataflow == name]
    return one


def _broken(
    home: Path, catalogue: Catalogue, name: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two rows of every kind, and what those that intake refuses should say."""
    flow = catalogue.dataflows[name]
    paths = sorted((home / "sample" / "sms").glob(f"{name}-2025-*.csv"))
    rows = pl.concat([pl.read_csv(one, infer_schema=False) for one in paths])
    kinds = len(broken.ways(flow))
    good = (
        rows.filter(~pl.col("record_id").str.ends_with("-X"))
        .unique("record_id", keep="first", maintain_order=True)
        .with_columns(record_id=pl.format("Q-{}", pl.int_range(pl.len())))
        .with_row_index("_n")
    )
    places = pl.Series([number % kinds for number in range(good.height)])
    wrong = broken.apply(good, places, flow)
    some = wrong.filter(pl.int_range(pl.len()).over("_fate") < 2)
    sent = some.filter(~pl.col("_fate").str.ends_with(":source"))
    return some, good[sent["_n"].to_list()].drop("_n")


def differences(lines: list[Line]) -> dict[str, tuple[Difference, ...]]:
    """What is not where it belongs, by ministry and dataflow or domain."""
    return {
        f"{one.ministry} {one.dataflow}".strip(): one.differences
        for one in lines
        if one.differences
    }


def test_a_stage_that_stands_still_shows_with_its_range(story: Story) -> None:
    """Three batches after genesis and configuration, and then nothing is missing."""
    found = differences(story.held)
    assert set(found) == {f"sms {FLOW}"}
    places = {(one.where, one.into) for one in found[f"sms {FLOW}"]}
    assert places == {
        ("dedupe", f"{records_topic('MOBILITY')}/0"),
        ("dedupe", f"{records_topic('NONE')}/0"),
    }
    for one in found[f"sms {FLOW}"]:
        assert one.source.startswith(f"ministry.sms.{FLOW}/")
        assert one.last - one.first + 1 == 3
        assert one.first == 2
    assert differences(story.rest) == differences(story.closed) == {}


def test_a_publisher_may_die_at_any_step(story: Story) -> None:
    """Killed there for real, and the second time nothing is lost or comes twice."""
    assert len(story.steps) >= 10
    for step in story.steps:
        assert story.killed[step] == {"status": -signal.SIGKILL}, step
        assert story.again[step] == {
            "accepted": ROWS - 1,
            "quarantined": 1,
            "waiting": 0,
            "refused": 0,
            "batches": -(-ROWS // BATCH),
            "notes": [],
        }, step


def test_every_row_was_counted_once(story: Story) -> None:
    """By intake, by dedupe, and by the spool: the same rows, each in one batch."""
    (line,) = [
        one for one in story.closed if (one.ministry, one.dataflow) == ("sms", FLOW)
    ]
    resent = story.mended[FLOW].resent
    files = len(story.steps) + 1
    assert line.rows["accepted"] == line.rows["judged"] == files * (ROWS - 1) + resent
    path = story.settings.home.spool / "sms.sqlite"
    with Spool.open(path, write=False) as spool:
        states = Counter(item.state for item in ledger.items(spool))
        rows = spool.connection.execute(
            "SELECT sum(b.rows) FROM batches b JOIN files f ON f.id = b.file "
            "WHERE f.name GLOB '[0-9]*' AND b.state != 'replaced'"
        ).fetchone()[0]
        member = story.catalogue.members["sms"]
        registry = keyring.registry(story.settings.home.root)
        checked = receipts.verify_spool(spool, registry, member)
    assert set(states) == {State.FINAL}
    assert rows == len(story.steps) * ROWS
    assert (checked.problems, checked.without) == ((), 0)


def test_every_kind_of_broken_row_comes_home(story: Story) -> None:
    """Ten ways to be wrong, mended and taken; quarantined = resent + open."""
    assert len(story.kinds) == 10
    assert story.reasons == {
        Reason.MISSING,
        Reason.CODE,
        Reason.DATE,
        Reason.RANGE,
        Reason.TEXT,
        Reason.RULE,
        Reason.RECORD,
    }
    for name, before in story.broken.items():
        after = story.mended[name]
        assert before.open > 8
        assert after.quarantined == before.quarantined == after.resent + after.open
        assert after.mended == after.absent == 0
    # What killed publishers left was not chosen, and is open still.
    assert story.mended[FLOW].open == len(story.steps) + 1
    assert story.mended["residence_permit"].waiting == 0
