"""Every kind of key rotated while batches are under way, on real Kafka and agents."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.cli.main import main
from hub.client import wait_for
from hub.core.catalogue.model import Catalogue
from hub.core.keys import HUB
from hub.core.trail import Trail
from hub.edge import control, keyring, rotation, trail
from hub.edge.settings import Home, Settings
from hub.edge.staging import KINDS, OWN
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher.publish import Session
from hub.trials import audit, demo
from hub.trials.sample.write import write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PERSONS = 150


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
    with (
        pytest.MonkeyPatch.context() as patch,
        Supervisor(settings, Plan(), catalogue=catalogue) as hub,
    ):
        patch.setenv("KERWEN_HOME", str(settings.home.root))
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
    asked = ["rotate", *OWN, "sign", "seal", "--member", "sms"]
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
    return Story(
        settings=settings,
        before=before,
        rotated=rotated,
        published=published[0],
        impacts=impacts,
        revoked=revoked,
        audit=audit.audit(settings, catalogue, marker.marker),
        log=trail.read(settings),
        restarts={kept.name: kept.restarts for kept in hub.kept},
    )


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
