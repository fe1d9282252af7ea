"""Partitions that stand still: what they wait for, and how they go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from agents import group, partition
from agents.condition import Condition
from agents.mending import Mender
from hub.core.bundle import Bundle
from hub.core.errors import BundleError
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey
from hub.core.skips import MessageSkip, Skips
from hub.edge import bundles
from hub.edge.bundles import Library
from hub.edge.files import read_catalogue, read_sources
from tests.agents.rig import PLACE, Rig, rig, until

CONTROL = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
SIGNER = SigningKey(key_id="control-1", private=CONTROL)
REGISTRY = KeyRegistry(
    keys={
        "control-1": Key(
            key_id="control-1",
            use="control",
            member=HUB,
            public=CONTROL.public_key().public_bytes_raw(),
        )
    }
)
FIRST = Bundle(catalogue=read_catalogue(), registry=REGISTRY)


@pytest.fixture(autouse=True)
def no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no group to ask for hints, and nobody waits long."""

    async def none(*_: object) -> dict[TP, group.Hint]:
        return {}

    monkeypatch.setattr(group, "committed", none)
    monkeypatch.setattr(partition, "PATIENCE_SECONDS", 0.01)


def keep(folder: Path, bundle: Bundle) -> None:
    """Put a bundle into the store."""
    bundles.write(folder / "bundles", bundle, *read_sources(), SIGNER)


def library(folder: Path) -> Library:
    """The store, looked at anew."""
    return Library(folder / "bundles", REGISTRY)


def mender(made: Rig, folder: Path) -> Mender:
    """Looks after the partitions of a rig."""
    made.runtime.library = library(folder)
    return Mender(made.runtime, folder / "resume")


def test_a_partition_waits_for_its_bundle_and_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    """Without a restart, and without having folded the message before."""

    async def story() -> None:
        async with rig(tmp_path) as made:
            mends = mender(made, tmp_path)
            await made.give(0)
            made.stage.fails = BundleError("not held", FIRST.digest)
            await made.give(1)
            await until(lambda: made.one.condition is Condition.WAITING)
            await asyncio.sleep(0.05)
            await mends.look()
            assert made.one.condition is Condition.WAITING
            assert made.consumer.paused == {PLACE}

            keep(tmp_path, FIRST)
            made.stage.fails = None
            await mends.look()
            assert made.consumer.paused == set()
            assert made.consumer.sought[-1] == 0
            await made.give(0)
            await made.give(1)
            await until(lambda: made.one.folded == 1)
            assert made.one.error == ""
            assert made.deaths == []

    asyncio.run(story())


def test_the_wrong_bundle_is_looked_for_ever_more_rarely(tmp_path: Path) -> None:
    """Back-off doubles up to half a minute, and a success forgets it."""

    async def story() -> None:
        async with rig(tmp_path) as made:
            one = made.one
            waits = []
            for _ in range(14):
                one.wait("x", b"?" * 32)
                waits.append(one.patience)
            assert waits[:3] == [2 * waits[0] / 2, 2 * waits[0], 4 * waits[0]]
            assert waits[-1] == partition.PATIENCE_SECONDS_MAX

    asyncio.run(story())


def test_a_stopped_partition_is_tried_again_when_asked(tmp_path: Path) -> None:
    """A file in the folder of requests is enough; it is taken away."""

    async def story() -> None:
        async with rig(tmp_path) as made:
            mends = mender(made, tmp_path)
            await made.give(0)
            await until(lambda: made.one.folded == 0)
            made.runtime.stop(made.one, ValueError("why"))
            await mends.look()
            assert made.one.condition is Condition.STOPPED

            request = tmp_path / "resume" / "t-0"
            request.parent.mkdir()
            request.touch()
            await mends.look()
            assert not request.exists()
            await made.give(0)
            await made.give(1)
            await until(lambda: made.one.folded == 1)

    asyncio.run(story())


def test_a_poisoned_partition_goes_on_once_its_message_is_skipped(
    tmp_path: Path,
) -> None:
    """The stage is told which message is set aside."""

    async def story() -> list[list[bool]]:
        async with rig(tmp_path) as made:
            keep(tmp_path, FIRST)
            mends = mender(made, tmp_path)
            await made.give(0)
            await until(lambda: made.one.folded == 0)
            made.runtime.stop(made.one, ValueError("killed"))
            made.one.poison = 1
            assert made.one.source is not None
            log = made.one.source.log
            await mends.look()
            assert made.one.condition is Condition.STOPPED

            skip = MessageSkip(
                source="t/0", log=log, offset=1, reason="kills", created_ms=1
            )
            skips = Skips().with_message(skip)
            keep(tmp_path, FIRST.successor(FIRST.catalogue, REGISTRY, skips))
            made.runtime.library = library(tmp_path)
            await mends.look()
            for offset in range(3):
                await made.give(offset)
            await until(lambda: made.one.folded == 2)
            return made.stage.asides

    flat = [one for chunk in asyncio.run(story()) for one in chunk]
    assert flat == [False, True, False]


def test_other_topics_to_read_end_the_worker(tmp_path: Path) -> None:
    """The supervisor starts it again, and then it reads them."""

    async def story() -> list[str]:
        async with rig(tmp_path) as made:
            topics = ["a"]
            mends = Mender(made.runtime, tmp_path, lambda: topics)
            mends._asked = -100.0
            await mends.look()
            assert made.deaths == []
            topics.append("b")
            mends._asked = -100.0
            await mends.look()
            return [str(reason) for reason in made.deaths]

    assert asyncio.run(story()) == ["the bundle in force names other topics to read"]
