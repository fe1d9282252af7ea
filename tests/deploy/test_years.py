"""A hub through what years bring: another version, a lost machine, old age.

Two versions of the code work side by side, one worker after the other is replaced, and
a ministry goes on publishing meanwhile. Then an archive is made, more is published, the
machine is gone with everything on it, and an empty one takes its place. Then everything
that is kept for a time is over at once.

``KERWEN_OLDER`` names a checkout of an older commit, whose code the workers begin with,
and go back to once all of them have come as far as this one; without it they begin with
a copy of this one that has another version and works in other portions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from hub.client import observations
from hub.core.errors import InvalidError
from hub.core.observation import Observation
from hub.core.topics import Topic, topics
from hub.edge import custodians, kafka, vault
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher.spool import Spool
from hub.trials.audit import Audit
from tests.deploy.years import (
    FLOW,
    ROWS,
    SECONDS,
    Flowing,
    Ministry,
    at_rest,
    closed,
    move,
    recounted,
    said,
    timed,
    version_of,
)
from tests.faults.world import tiny

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
NAMED = os.environ.get("KERWEN_OLDER")
"""Another version that somebody upgrades from, and may have to go back to."""
HASTY = {"log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "100"}
"""A broker that looks twice a second for what is over."""
OVER = {"retention.ms": "1", "file.delete.delay.ms": "0"}
"""As if years had passed."""
DECLARED = 1
"""Records that no file has: the year was declared complete."""
OTHERWISE = {
    "hub/__init__.py": (".", ".\n\nVersion: another."),
    "agents/limits.py": ("messages: int = 32", "messages: int = 5"),
}
"""What is other in the copy: file → a word and what is in its place."""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Code that is not this folder's."""
    if NAMED:
        return Path(NAMED)
    folder = tmp_path_factory.mktemp("older")
    for name in ("hub", "agents", "catalogue", "schemas"):
        skip = shutil.ignore_patterns("*.pyc", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    for name, (word, other) in OTHERWISE.items():
        path = folder / name
        text = path.read_text("utf-8")
        assert word in text
        path.write_text(text.replace(word, other, 1), "utf-8")
    return folder


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What came of it.

    Attributes:
        mixed: Versions of the workers of a stage, side by side.
        moved: Worker → files published until it was replaced.
        back: The same of going back to a version that was named.
        key: The recovery key.
        head: Of the trail.
    """

    settings: Settings
    ministry: Ministry
    mixed: set[Path]
    moved: dict[str, int]
    back: dict[str, int]
    rows: int
    audit: Audit
    key: Path
    head: str


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory, older: Path) -> Upgrade:
    """One worker after the other, while batches flow."""
    folder = tmp_path_factory.mktemp("years")
    catalogue = tiny(folder / "catalogue")
    settings = Settings(home=Home(root=folder / "home"), catalogue=catalogue)
    workers = {"intake": 2, "dedupe": 1, "aggregate": 1, "release": 1}
    with pytest.MonkeyPatch.context() as before:
        before.setenv("PYTHONPATH", str(older))
        hub = Supervisor(settings, Plan(workers=workers, quick=True))
        hub.start()
    moved, back, times = dict[str, int](), dict[str, int](), dict[str, float]()
    key = folder / "recovery.key"
    try:
        ministry = Ministry.of(hub, folder / "ministry")
        ministry.publish()
        with Flowing(ministry):
            for kept in hub.kept:
                assert version_of(kept) == older
                with timed(times, kept.name):
                    move(kept, ROOT)
                moved[kept.name] = len(ministry.files)
                if kept.name == "intake-0":
                    pair = [one for one in hub.kept if one.stage == "intake"]
                    mixed = {version_of(one) for one in pair}
            for kept in hub.kept if NAMED else ():
                with timed(times, f"{kept.name} back"):
                    move(kept, older)
                back[kept.name] = len(ministry.files)
        print(f"upgrade, seconds: {times}")  # noqa: T201 - for whoever named another
        mine = ("--member", "mot", "--dataflow", FLOW, "--period", "2025")
        said(ministry.settings, "declare", *mine)
        found = recounted(hub.settings, closed(hub.settings, "P"))
        said(hub.settings, "topics", "checkpoint")
        said(hub.settings, "backup", "key", "--output", str(key))
        daily = ("--to", f"{key}.pub", "--output", str(folder / "daily"))
        said(hub.settings, "backup", "make", *daily)  # an act, so the trail has a head
        head = said(hub.settings, "log", "verify")["head"]
    finally:
        hub.stop()
    return Upgrade(
        settings=settings,
        ministry=ministry,
        mixed=mixed,
        moved=moved,
        back=back,
        rows=len(ministry.files) * ROWS,
        audit=found,
        key=key,
        head=head,
    )


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What came of it.

    Attributes:
        hub: The one that took the place; it runs.
        before: The cut of before, recounted on the new machine.
        after: A cut of what was published since, and of what was published again.
        rows: Rows that the ministry had until then, each once.
        times: Seconds of each step.
    """

    hub: Supervisor
    before: Audit
    after: Audit
    rows: int
    verified: bool
    findings: list[str]
    times: dict[str, float]


@pytest.fixture(scope="module")
def drill(
    upgrade: Upgrade, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Drill]:
    """As docs/recovery.md says: an archive, a loss, an empty machine."""
    safe, times = tmp_path_factory.mktemp("safe"), dict[str, float]()
    old, ministry = upgrade.settings, upgrade.ministry
    shares = shutil.copytree(old.home.keys / custodians.DEVELOPMENT, safe / "shares")
    key, archive = upgrade.key, safe / "hub.backup"
    words = ("--to", f"{key}.pub", "--output", str(archive), "--checkpoints", "--logs")
    with timed(times, "backup"):
        said(old, "backup", "make", *words)

    first = ministry.files[0]
    with Supervisor(old, Plan(workers={"intake": 1}, quick=True)) as hub:
        ministry.meets(hub)
        lost = ministry.publish()  # receipted, and younger than the archive
    for stage in ("intake", "release"):
        vault.forget(old.home.keys / stage)
    shutil.rmtree(old.home.root)

    new = replace(old, home=Home(root=safe / "home"))
    with timed(times, "restore"):
        said(new, "restore", "--file", str(archive), "--key", str(key))
    shutil.rmtree(new.home.keys / custodians.DEVELOPMENT)
    two = [f"--share={path}" for path in sorted(shares.iterdir())[:2]]
    said(new, "keys", "unlock", *two)
    began = time.monotonic()
    with Supervisor(new, Plan(quick=True, broker=HASTY)) as hub:
        times["ready"] = round(time.monotonic() - began, 1)
        with timed(times, "audit"):
            before = recounted(hub.settings, upgrade.audit.close)
        verified = said(hub.settings, "log", "verify", "--head", upgrade.head)
        ministry.meets(hub)
        with timed(times, "published"):
            ministry.publish()
            for path in (lost, first):
                ministry.publish(again=path)
        after = recounted(hub.settings, closed(hub.settings, "R"))
        print(f"drill, seconds: {times}")  # noqa: T201 - half of what a drill is for
        yield Drill(
            hub=hub,
            before=before,
            after=after,
            rows=len(ministry.files) * ROWS,
            verified=verified["verified"],
            findings=at_rest(hub.settings),
            times=times,
        )
    vault.forget(new.home.keys / "intake")
    vault.forget(new.home.keys / "release")


@dataclass(frozen=True, kw_only=True)
class Age:
    """What is left when every time is over.

    Attributes:
        limited: Topics that are not kept for ever.
        bytes: What is on the disk of them.
        before: Figures that had been published.
        after: The same, and those of a new cut.
        refusal: What an audit from the beginning says now.
    """

    limited: list[Topic]
    bytes: int
    before: list[Observation]
    after: list[Observation]
    rows: int
    refusal: str
    verified: bool
    findings: list[str]


def expire(settings: Settings, limited: list[Topic]) -> None:
    """Let the broker find that all of it is over, then set it back."""
    said(settings, "topics", "checkpoint")
    places = [(one.name, at) for one in limited for at in range(one.partitions)]
    with kafka.admin(settings) as client:
        assert isinstance(client, KafkaAdminClient)
        kind = ConfigResourceType.TOPIC
        client.alter_configs(
            [ConfigResource(kind, one.name, {**one.config, **OVER}) for one in limited]
        )
    deadline = time.monotonic() + SECONDS
    with kafka.consumer(settings, "admin") as client:
        while left := [
            place
            for place, one in kafka.extents(client, places).items()
            if one.start < one.end
        ]:
            assert time.monotonic() < deadline, left
            time.sleep(0.3)
    assert set(said(settings, "topics", "apply")["changed"]) >= {
        one.name for one in limited
    }


@pytest.fixture(scope="module")
def age(upgrade: Upgrade, drill: Drill) -> Age:
    """Years pass; then a worker loses its state, and the ministry publishes again."""
    hub, ministry = drill.hub, upgrade.ministry
    catalogue = read_catalogue(hub.settings.catalogue)
    limited = [one for one in topics(catalogue) if one.retention_ms > 0]
    before = list(observations(hub.settings, "iom", catalogue=catalogue))
    expire(hub.settings, limited)
    data = hub.home.kafka / "data"
    left = sum(
        path.stat().st_size
        for one in limited
        for at in range(one.partitions)
        for path in (data / f"{one.name}-{at}").glob("*.log*")
    )
    [dedupe] = [one for one in hub.kept if one.stage == "dedupe"]
    dedupe.stop(time.monotonic() + 20)
    shutil.rmtree(hub.home.state / "dedupe")
    ministry.publish()
    marker = closed(hub.settings, "F")
    with pytest.raises(InvalidError) as refusal:
        recounted(hub.settings, marker)
    after = list(observations(hub.settings, "iom", catalogue=catalogue))
    said(hub.settings, "topics", "checkpoint")
    return Age(
        limited=limited,
        bytes=left,
        before=before,
        after=after,
        rows=len(ministry.files) * ROWS,
        refusal=str(refusal.value),
        verified=said(hub.settings, "log", "verify")["verified"],
        findings=at_rest(hub.settings),
    )


def test_the_other_version_is_another(older: Path) -> None:
    """What the workers began with is not the code that this test runs on."""
    words = (sys.executable, "-P", "-c", "import agents; print(agents.__file__)")
    environment = {**os.environ, "PYTHONPATH": str(older)}
    done = subprocess.run(words, env=environment, capture_output=True, check=True)

    assert Path(done.stdout.decode().strip()).is_relative_to(older)
    assert not older.is_relative_to(ROOT)


def test_two_versions_work_side_by_side(upgrade: Upgrade, older: Path) -> None:
    """In one stage, too; files went through at every step of the way."""
    assert upgrade.mixed == {older, ROOT}
    assert len(upgrade.moved) == 5
    assert list(upgrade.moved.values()) == sorted(upgrade.moved.values())
    assert upgrade.moved["release-0"] > upgrade.moved["intake-0"] >= 1
    assert upgrade.back.keys() == (upgrade.moved.keys() if NAMED else set())


def test_an_upgrade_loses_and_doubles_nothing(upgrade: Upgrade) -> None:
    """Every row of every file counts once, in every cell."""
    found = upgrade.audit

    assert (found.verdict, found.cells > 0) == ("equal", True)
    [flow] = [one for one in found.flows if one.dataflow == FLOW]
    assert (flow.duplicates, flow.quarantined) == (0, 0)
    assert flow.accepted == upgrade.rows
    assert found.unique == upgrade.rows + DECLARED


def test_an_empty_machine_goes_on_where_the_archive_ends(
    upgrade: Upgrade, drill: Drill
) -> None:
    """The same cells of the same cut; the trail ends at the head that was noted."""
    assert (drill.before.verdict, drill.before.cells) == ("equal", upgrade.audit.cells)
    assert drill.before.unique == upgrade.audit.unique
    assert int(upgrade.head.partition(":")[0]) > 0
    assert drill.verified is True
    assert drill.findings == []


def test_what_is_published_again_counts_once(drill: Drill) -> None:
    """The rows that were lost, the rows that were not, and those of a new file."""
    assert drill.after.verdict == "equal"
    assert drill.after.unique == drill.rows + DECLARED


def test_what_is_kept_for_a_time_is_gone_then(age: Age, upgrade: Upgrade) -> None:
    """From the log and from the disk under it; of the ministry's own spool as well."""
    assert {one.name.partition(".")[0] for one in age.limited} == {
        "ministry",
        "receipts",
        "quarantine",
        "statements",
        "hub",
    }
    assert age.bytes == 0
    assert "retention took what an audit from the start needs" in age.refusal
    path = upgrade.ministry.settings.home.spool / "mot.sqlite"
    with Spool.open(path, write=False) as spool:
        [(batches, contents, receipts)] = spool.connection.execute(
            "SELECT count(*), count(envelope) + count(copy), count(receipt) "
            "FROM batches WHERE state = 'final'"
        )
    assert batches == receipts >= len(upgrade.ministry.files)
    assert contents == 0


def test_what_was_published_stays_and_counting_goes_on(age: Age) -> None:
    """Signed vintages verify as before; a stock remembers what the log does not."""
    assert age.before
    assert age.after[: len(age.before)] == age.before
    new = age.after[len(age.before) :]
    [total] = [
        one.value
        for one in new
        if (one.table, one.sex, one.dimensions) == ("RAIL_EVT", "_T", ("_T",))
    ]
    assert total is not None
    assert abs(total - age.rows) <= 10
    assert age.verified is True
    assert age.findings == []
