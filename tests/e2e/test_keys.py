"""Every kind of key rotated while batches are under way, on real Kafka and agents.

The new signing keys are made in a token (SoftHSM) and stay there: from the rotation on
receipts, statements, vintages, control's records, the trail and a ministry's batches
are signed by it.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hub.cli.bundles import standings
from hub.cli.main import main
from hub.client import wait_for
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import InvalidError
from hub.core.keys import HUB, KeyRegistry
from hub.core.log import Source
from hub.core.topics import sources
from hub.core.trail import Trail
from hub.edge import (
    control,
    destroying,
    enacting,
    kafka,
    keyring,
    pkcs11,
    rotation,
    topics,
    trail,
)
from hub.edge.settings import Home, Settings
from hub.edge.staging import KINDS, OWN
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher.publish import Session
from hub.publisher.summary import Summary
from hub.trials import audit, demo, recount
from hub.trials.sample.write import write
from tests.edge import softhsm

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PERSONS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A second hub, made of the sealed log of the first with other pseudonyms.

    Attributes:
        again: What a second copy brought.
        cells: Of the first hub and of the second, without sums of pseudonyms.
        persons: Pseudonyms of each: the first hub's, the second's.
    """

    copied: dict[str, Any]
    again: dict[str, Any]
    finished: dict[str, Any]
    cells: tuple[pl.DataFrame, pl.DataFrame]
    persons: tuple[set[bytes], set[bytes]]
    registry: KeyRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was done, and what came of it."""

    settings: Settings
    before: dict[str, str]
    rotated: dict[str, Any]
    published: demo.Published
    impacts: dict[str, dict[str, Any]]
    revoked: dict[str, Any]
    audit: audit.Audit
    derived: Derived
    destroyed: dict[str, Any]
    after: Summary
    log: Trail
    restarts: dict[str, int]


def used(settings: Settings) -> dict[str, str]:
    """Kind of key -> id of the one that signs or seals now."""
    root = settings.home.root
    intake, dedupe, release = (
        keyring.intake(root),
        keyring.dedupe(root),
        keyring.release(root),
    )
    registry = keyring.registry(root)
    return {
        "hub": registry.recipient(HUB)[0],
        "records": intake.records.key_id,
        "facts": dedupe.facts.key_id,
        "cells": keyring.aggregate(root).cells.key_id,
        "receipt": intake.receipt.key_id,
        "statement": dedupe.statement.key_id,
        "release": release.release.key_id,
        "control": keyring.control(root).control.key_id,
        "sign": keyring.ministry(root, "sms").sign.key_id,
        "seal": registry.recipient("TM/GOV/SMS/HUB")[0],
    }


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue
) -> Iterator[Story]:
    """Publish; meanwhile rotate everything in two goes; publish more; revoke; audit."""
    settings = Settings(home=Home(root=tmp_path_factory.mktemp("keys")))
    folder = settings.home.root / "sample"
    write(folder, catalogue, persons=PERSONS, seed=5)
    room = tmp_path_factory.mktemp("token")
    softhsm.initialise(room)
    with pytest.MonkeyPatch.context() as patch:
        softhsm.use(room, patch)
        patch.setenv("KERWEN_HOME", str(settings.home.root))
        with Supervisor(settings, Plan(), catalogue=catalogue) as hub:
            patch.setenv("KERWEN_BOOTSTRAP", hub.settings.bootstrap)
            yield _story(hub, catalogue, folder)


def _story(hub: Supervisor, catalogue: Catalogue, folder: Path) -> Story:
    settings = hub.settings
    before = used(settings)
    published: list[demo.Published] = []
    load = threading.Thread(
        target=lambda: published.append(demo.publish(settings, catalogue, folder))
    )
    load.start()
    # The first step alone, as a command that was broken off leaves it.
    asked = ["rotate", *OWN, "sign", "seal", "--member", "sms", "--token"]
    called("keys", *asked, "--apply", "--step")
    assert rotation.read(settings) is not None
    rotated = called("keys", "rotate", "--apply", "--reason", "the month is over")
    load.join()
    # By keys of the old time until here at least; from here by new ones.
    more = next(one for one in demo.manifest(folder)["files"] if one["member"] == "sms")
    with Session.open(settings, catalogue, "sms") as session:
        again = session.publish(more["dataflow"], folder / more["path"], again=True)
    assert again.complete
    revoked = called(
        "keys", "revoke", before["sign"], "--reason", "replaced", "--apply"
    )
    impacts = {
        key_id: called("keys", "impact", key_id)
        for kind in ("hub", "sign", "records", "cells", "seal")
        for key_id in (before[kind], used(settings)[kind])
    }
    marker = control.close(settings, catalogue, period="2025")
    wait_for(settings, "iom", marker.marker, marker.tables, timeout=300)
    audited = audit.audit(settings, catalogue, marker.marker)
    derived = _rekeyed(settings, catalogue, audited)
    called("keys", "revoke", before["hub"], "--reason", "its month is over", "--apply")
    with pytest.raises(InvalidError, match="still retained"):
        refused(settings, catalogue, before["hub"])
    words = ["destroy", before["hub"], "--reason", "the year is over", "--apply"]
    destroyed = called("keys", *words, "--early")
    with Session.open(settings, catalogue, "sms") as session:
        after = session.publish(more["dataflow"], folder / more["path"], again=True)
    return Story(
        settings=settings,
        before=before,
        rotated=rotated,
        published=published[0],
        impacts=impacts,
        revoked=revoked,
        audit=audited,
        derived=derived,
        destroyed=destroyed,
        after=after,
        log=trail.read(settings),
        restarts={kept.name: kept.restarts for kept in hub.kept},
    )


def _rekeyed(old: Settings, catalogue: Catalogue, audited: audit.Audit) -> Derived:
    """Re-key into another home, copy the sealed log, count every cell from the copy."""
    home = Home(root=old.home.root.with_name("rekeyed"))
    words = ("keys", "rekey", "--from", str(old.home.root), "--apply")
    brokers = ("--from-bootstrap", old.bootstrap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERWEN_HOME", str(home.root))
        assert called(*words, *brokers)["prepared"]
        plan = Plan(workers={}, quick=True)
        with Supervisor(Settings(home=home), plan, catalogue=catalogue) as hub:
            patch.setenv("KERWEN_BOOTSTRAP", hub.settings.bootstrap)
            copied = called(*words, *brokers)
            again = called(*words, *brokers)
            finished = called("keys", "rekey", "--finish", "--apply")
            second = _inbound(hub.settings, catalogue)
    first = _inbound(old, catalogue)
    facts = recount.facts(catalogue, second)
    cells = recount.expected(catalogue, facts, audited.close)
    return Derived(
        copied=copied,
        again=again,
        finished=finished,
        cells=(_counted(audited.recounted), _counted(cells)),
        persons=(_persons(first), _persons(second)),
        registry=keyring.registry(home.root),
    )


def _inbound(settings: Settings, catalogue: Catalogue) -> recount.Inbound:
    """The rows of a hub's inbound log, with the pseudonyms of its own secrets."""
    library = enacting.library(settings)
    root = settings.home.root
    reader = recount.Reader(catalogue, library, keyring.intake(root))
    places = sources(catalogue, Domain.NONE)
    names = sorted({topic for topic, _ in places})
    logs = topics.logs(settings, "audit", names, keyring.registry(root))
    with kafka.consumer(settings, "audit") as client:
        for (topic, partition), extent in kafka.extents(client, places).items():
            source = Source(topic=topic, partition=partition, log=logs[topic])
            reader.read(source, kafka.read(client, topic, partition, 0, extent.end))
    return reader.inbound


def _counted(cells: pl.DataFrame) -> pl.DataFrame:
    """What of the cells does not hang on pseudonyms."""
    return cells.select(*recount.NAMES, "n", "total", "persons").sort(recount.NAMES)


def _persons(inbound: recount.Inbound) -> set[bytes]:
    """Every pseudonym of a record."""
    return {
        record
        for flows in inbound.rows.values()
        for frames in flows.values()
        for frame in frames
        for record in frame["record"].drop_nulls().to_list()
    }


def refused(settings: Settings, catalogue: Catalogue, key_id: str) -> None:
    """Ask for a destruction without saying that the log may become unreadable."""
    doomed = destroying.look(settings, catalogue, key_id)
    positions = {
        (one["topic"], one["partition"]): one["position"]
        for one in standings(settings.home)
    }
    destroying.refuse(doomed, positions, early=False)


def called(*words: str) -> dict[str, Any]:
    """What a command says as JSON; it has to succeed."""
    stream = io.StringIO()
    with redirect_stdout(stream):
        code = main([*words, "--json"])
    assert code == 0, stream.getvalue()
    return dict(json.loads(stream.getvalue()))


def test_every_kind_of_key_is_another_one_now(story: Story) -> None:
    """The rotation that was broken off was finished by the next call."""
    now = used(story.settings)

    assert story.rotated["done"]
    assert set(now) == set(KINDS)
    assert {kind for kind in now if now[kind] == story.before[kind]} == set()
    assert rotation.read(story.settings) is None


def test_every_new_signing_key_is_in_the_token(story: Story) -> None:
    """What the home has of it is a name; what was audited is signed by it."""
    home, now = story.settings.home, used(story.settings)
    for kind, entry in KINDS.items():
        if not entry.signs:
            continue
        [path] = home.keys.glob(f"*/{now[kind]}.*")
        assert path.suffix == pkcs11.ENDING, kind
        assert now[kind] in json.loads(path.read_text())["label"]
    assert story.impacts[now["sign"]]["messages"] > 0
    signers = {act.key_id for _, act in story.log.acts}
    assert now["control"] in signers


def test_nothing_is_lost(story: Story) -> None:
    """Every batch has its receipt, every row is somewhere, every cell is equal."""
    done = story.published

    assert done.published > 0
    assert done.published == done.accepted + done.duplicates + done.quarantined
    assert story.audit.verdict == "equal"
    assert story.audit.cells > 0


def test_batches_were_sealed_and_signed_with_both_keys(story: Story) -> None:
    """So the load did run across the rotation."""
    for kind in ("hub", "sign", "records", "seal"):
        old, new = story.before[kind], used(story.settings)[kind]
        assert story.impacts[old]["messages"] > 0, old
        assert story.impacts[new]["messages"] > 0, new


def test_workers_started_again_with_the_new_keys(story: Story) -> None:
    """Each of the four, by itself."""
    assert all(number >= 1 for number in story.restarts.values())


def test_a_replaced_key_was_revoked(story: Story) -> None:
    """Its member goes on with the new one."""
    registry = keyring.registry(story.settings.home.root)

    assert registry.keys[story.before["sign"]].status == "revoked"
    assert story.revoked["bundle"] == 3


def test_every_act_is_in_the_trail(story: Story) -> None:
    """Signed by the old control key, then by the new one; the chain is whole."""
    acts = [act for _, act in story.log.acts]

    assert story.log.findings == ()
    assert [act.verb for act in acts][:2] == ["keys rotate", "keys revoke"]
    assert [act.key_id for act in acts][:2] == [
        story.before["control"],
        used(story.settings)["control"],
    ]


def test_a_destroyed_key_opens_nothing_and_is_told(story: Story) -> None:
    """The statement names what is unreadable; its digest is in the trail."""
    home, key_id = story.settings.home, story.before["hub"]
    statement = destroying.read(home, key_id)

    assert key_id not in keyring.intake(home.root).hub
    assert statement.digest().hex() == story.destroyed["statement"]
    # Those of quiet dataflows are in the statement and not in what is shown.
    assert statement.retained >= story.impacts[key_id]["messages"] > 0
    acts = [act for _, act in story.log.acts if act.verb == "keys destroy"]
    assert [act.subject for act in acts] == [key_id]
    assert story.destroyed["statement"] in acts[0].reason.decode()


def test_the_hub_goes_on_without_the_destroyed_key(story: Story) -> None:
    """Batches sealed to the new one are opened and receipted."""
    assert story.after.complete


def test_a_second_hub_has_other_pseudonyms_and_the_same_cells(story: Story) -> None:
    """Derived from the sealed log by new secrets: nothing of the old ones is left."""
    first, second = story.derived.persons

    cells, derived = story.derived.cells
    assert cells.height > 0
    assert_frame_equal(cells, derived)
    assert first
    assert len(first) == len(second)
    assert not first & second


def test_a_copy_goes_on_where_it_ended(story: Story) -> None:
    """Twice is as good as once; what was revoked is revoked again at the end."""
    copied = story.derived.copied["copied"]

    assert copied > 0
    assert story.derived.again["copied"] == copied
    assert story.derived.finished["revoked"] == [story.before["sign"]]
    assert story.derived.registry.keys[story.before["sign"]].status == "revoked"
