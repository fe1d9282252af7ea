"""The trail: whatever is done to one act is found, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.core import trail
from hub.core.errors import InvalidError
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey
from hub.core.log import Incoming
from hub.core.messages import Act, Genesis, decode_as, encode, sign
from hub.core.messages.schemas import TOPIC_MAX
from hub.core.trail import Head

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
KEY = SigningKey(key_id="control-1", private=PRIVATE)
REGISTRY = KeyRegistry(
    keys={
        "control-1": Key(
            key_id="control-1",
            use="control",
            member=HUB,
            public=PRIVATE.public_key().public_bytes_raw(),
        )
    }
)
GENESIS = encode(
    sign(
        Genesis(
            log=b"l" * 16,
            topic="hub.trail",
            partition=0,
            partitions=1,
            catalogue=bytes(32),
            generation=0,
            created_ms=0,
            key_id="control-1",
        ),
        PRIVATE,
    )
)


def written(number: int) -> list[bytes]:
    """A trail of so many acts."""
    values: list[bytes] = [GENESIS]
    for at in range(number):
        act = trail.link(
            judged(values).head,
            actor="aman",
            verb="release run",
            subject=f"2025-{at}",
            reason="ýyl ýapyldy",
            at_ms=at,
        )
        values.append(trail.value_of(act, KEY))
    return values


def judged(values: list[bytes], kept: Head | None = None) -> trail.Trail:
    """A trail as it is read."""
    messages = [Incoming(offset=n, time_ms=n, value=v) for n, v in enumerate(values)]
    return trail.follow(messages, REGISTRY, kept)


WHOLE = written(5)


def test_a_whole_trail_says_so() -> None:
    """Five acts in their order, with what was said."""
    found = judged(WHOLE)

    assert not found.findings
    assert [act.sequence for _, act in found.acts] == [1, 2, 3, 4, 5]
    assert found.acts[0][1].reason.decode() == "ýyl ýapyldy"
    assert judged(WHOLE, found.head).findings == ()
    assert trail.read_head(found.head.text()) == found.head


@given(st.integers(1, 5), st.data())
def test_a_changed_byte_is_found(at: int, data: st.DataObject) -> None:
    """In any act, at any place; what follows is not blamed for it."""
    value = bytearray(WHOLE[at])
    place = data.draw(st.integers(0, len(value) - 1))
    value[place] ^= data.draw(st.integers(1, 255))
    found = judged([*WHOLE[:at], bytes(value), *WHOLE[at + 1 :]])

    assert found.findings[0].offset == at
    assert len(found.findings) <= 2  # the act, and the link behind it that misses it


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_act_taken_out_is_found(at: int) -> None:
    """The act behind it says how many are missing."""
    found = judged([*WHOLE[:at], *WHOLE[at + 1 :]])

    assert [one.text for one in found.findings] == [
        f"act {at + 1}: 1 before it missing"
    ]


def test_acts_that_changed_places_are_found() -> None:
    """Two that follow each other, swapped."""
    found = judged([*WHOLE[:2], WHOLE[3], WHOLE[2], *WHOLE[4:]])

    assert found.findings


def test_an_end_cut_off_is_found_by_whoever_kept_the_head() -> None:
    """The chain alone cannot tell."""
    head = judged(WHOLE).head
    short = WHOLE[:-1]

    assert not judged(short).findings
    assert judged(short, head).lost
    assert [one.offset for one in judged(short, head).findings] == [trail.END]


def test_an_act_of_another_key_is_found() -> None:
    """Signed by nobody we know, or by a key of another use."""
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    act = decode_as(Act, WHOLE[5])
    forged = encode(sign(replace(act, subject="2025-9"), stranger))

    assert [one.offset for one in judged([*WHOLE[:5], forged]).findings] == [5]
    assert [one.offset for one in judged([*WHOLE, GENESIS]).findings] == [6]


def test_a_race_has_one_winner_and_loses_nothing() -> None:
    """Two acts behind the same one: the first stands, the second is written again."""
    head = judged(WHOLE).head
    mine, yours = (
        trail.link(head, actor=who, verb="keys rotate", subject="", reason="", at_ms=9)
        for who in ("aman", "bagul")
    )
    values = [*WHOLE, trail.value_of(mine, KEY), trail.value_of(yours, KEY)]
    found = judged(values)

    assert not found.findings
    assert found.raced == (7,)
    again = replace(yours, previous=found.head.digest, sequence=7)
    assert judged([*values, trail.value_of(again, KEY)]).head.sequence == 7


@pytest.mark.parametrize("text", ["", "5", "x:00", "5:xyz"])
def test_a_bad_head_is_refused(text: str) -> None:
    """With the shape it should have."""
    with pytest.raises(InvalidError, match="NUMBER:DIGEST"):
        trail.read_head(text)


def test_a_revoked_control_key_signs_nothing_after_its_revocation() -> None:
    """What it signed before stands; an act behind its revocation is found."""
    newer = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
    keys = {
        "control-1": replace(REGISTRY.keys["control-1"], status="revoked"),
        "control-2": replace(
            REGISTRY.keys["control-1"],
            key_id="control-2",
            public=newer.public_key().public_bytes_raw(),
        ),
    }
    registry = KeyRegistry(keys=keys)

    def follow(values: list[bytes]) -> trail.Trail:
        messages = [
            Incoming(offset=n, time_ms=n, value=v) for n, v in enumerate(values)
        ]
        return trail.follow(messages, registry)

    def added(values: list[bytes], verb: str, key: SigningKey) -> list[bytes]:
        act = trail.link(
            follow(values).head,
            actor="aman",
            verb=verb,
            subject="control-1",
            reason="lost",
            at_ms=9,
        )
        return [*values, trail.value_of(act, key)]

    second = SigningKey(key_id="control-2", private=newer)
    revoked = added(list(WHOLE), trail.REVOKE, second)
    stolen = added(revoked, "release run", KEY)

    assert (follow(revoked).findings, len(follow(revoked).acts)) == ((), 6)
    assert [one.offset for one in follow(stolen).findings] == [7]
    assert follow(stolen).head == follow(revoked).head


def test_more_ids_than_an_act_has_room_for_are_cut_and_it_shows() -> None:
    """Whoever acts on much need not count letters."""
    subject = " ".join(f"key-{at:03}" for at in range(60))
    act = trail.link(
        Head(), actor="who", verb="keys rotate", subject=subject, reason="", at_ms=9
    )

    assert trail.value_of(act, KEY)
    assert len(act.subject) == TOPIC_MAX
    assert act.subject.startswith("key-000 ")
    assert act.subject.endswith(" ...")
