"""Bundles: a chain named by digests; skips that are only ever added."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import bundle
from hub.core.bundle import NONE, Books, Bundle, Held
from hub.core.errors import BundleError, EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.skips import SKIPS_MAX, CutSkip, MessageSkip, Skips, read_skips
from tests.core import ministry
from tests.core.stream import CATALOGUE

CUT = CutSkip(marker=b"m" * 16, source="ministry.sms.x/0", reason="mute", created_ms=1)
ASIDE = MessageSkip(
    source="ministry.sms.x/0", log=b"l" * 16, offset=7, reason="kills", created_ms=2
)
FIRST = Bundle(catalogue=CATALOGUE, registry=ministry.registry())
SIGNER = SigningKey(key_id="control-1", private=ministry.CONTROL)


def after(before: Bundle) -> Bundle:
    """The next bundle: one skip more."""
    cut = replace(
        CUT, reason=f"mute {before.number}", marker=bytes([before.number] * 16)
    )
    return before.successor(
        before.catalogue, before.registry, before.skips.with_cut(cut)
    )


def test_a_bundle_is_named_by_its_content_and_the_chain_before_it() -> None:
    """The same content after another bundle is another bundle."""
    second = after(FIRST)
    third = second.successor(CATALOGUE, FIRST.registry, FIRST.skips)
    other = FIRST.successor(
        replace(CATALOGUE, digest=b"o" * 32), FIRST.registry, Skips()
    )

    assert (second.number, second.previous) == (2, FIRST.digest)
    assert len({FIRST.digest, second.digest, third.digest, other.digest}) == 4
    assert bundle.digest(CATALOGUE, ministry.registry()) == FIRST.digest


def test_the_same_content_makes_no_new_bundle() -> None:
    """Applying again changes nothing."""
    assert FIRST.successor(CATALOGUE, ministry.registry(), Skips()) is FIRST


def test_only_controls_signature_counts() -> None:
    """Also of a control key that was revoked since; no other key, no other digest."""
    keys = dict(ministry.registry().keys)
    keys["control-1"] = replace(keys["control-1"], status="revoked")
    trusted = KeyRegistry(keys=keys)
    signature = bundle.sign(FIRST.digest, SIGNER)
    bundle.verify(FIRST.digest, "control-1", signature, trusted)

    stranger = SigningKey(
        key_id="control-1", private=Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    )
    for digest, key_id, made in (
        (FIRST.digest, "control-1", bundle.sign(FIRST.digest, stranger)),
        (after(FIRST).digest, "control-1", signature),
        (FIRST.digest, "receipt-1", signature),
        (FIRST.digest, "control-9", signature),
    ):
        with pytest.raises(EnvelopeError, match="signature"):
            bundle.verify(digest, key_id, made, trusted)


def test_what_is_not_held_is_named_with_its_digest() -> None:
    """So a worker can wait for it, and a person is told what to do."""
    held = Held([FIRST])
    with pytest.raises(BundleError, match="topics bundle --add") as caught:
        held.get(b"?" * 32)

    assert caught.value.digest == b"?" * 32
    assert held.get(NONE) is FIRST
    assert held.held() == [FIRST.digest]


def test_books_are_made_once_and_bounded() -> None:
    """The newest ones used stay."""
    chain = [FIRST]
    for _ in range(bundle.BOOKS_MAX + 2):
        chain.append(after(chain[-1]))
    made: list[int] = []

    def make(one: Bundle) -> int:
        made.append(one.number)
        return one.number

    books = Books(Held(chain), make)
    for one in (*chain, chain[-1], chain[0]):
        assert books.of(one.digest) == one.number

    assert made == [*(one.number for one in chain), 1]


def test_newer_is_by_number_whatever_comes_first() -> None:
    """No bundle yet is older than any."""
    second = after(FIRST)
    books = Books(Held([second, FIRST]), lambda one: one.number)
    one, two = FIRST.digest, second.digest

    assert books.newer(one, two) == books.newer(two, one) == two
    assert books.newer(NONE, one) == books.newer(one, NONE) == one
    assert books.newer(NONE, NONE) == NONE
    with pytest.raises(BundleError):
        books.newer(one, b"?" * 32)


def test_skips_read_back_as_they_were_written() -> None:
    """And are asked by marker, and by log and offset."""
    skips = Skips().with_cut(CUT).with_message(ASIDE)

    assert read_skips(skips.text()) == skips
    assert skips.of_cuts() == {(CUT.marker, CUT.source)}
    assert skips.offsets(ASIDE.source, ASIDE.log) == {7}
    assert skips.offsets(ASIDE.source, b"?" * 16) == frozenset()
    assert skips.digest() != Skips().digest()


def test_the_first_word_about_a_thing_stays() -> None:
    """A second skip of the same thing changes nothing, and none is ever lost."""
    skips = Skips().with_cut(CUT).with_message(ASIDE)
    again = skips.with_cut(replace(CUT, reason="else")).with_message(
        replace(ASIDE, reason="else")
    )

    assert again == skips
    assert skips.holds(Skips().with_cut(CUT))
    assert not Skips().holds(skips)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"cuts": [{}], "messages": []}',
        Skips(cuts=(replace(CUT, marker=b"short"),)).text(),
        Skips(cuts=(replace(CUT, source="nowhere"),)).text(),
        Skips(cuts=(replace(CUT, reason=""),)).text(),
        Skips(messages=(replace(ASIDE, reason="two\nlines"),)).text(),
        Skips(messages=(replace(ASIDE, offset=0),)).text(),
    ],
)
def test_skips_that_say_nothing_usable_are_refused(text: str) -> None:
    """Before they get into a bundle, and when they come out of a file."""
    with pytest.raises(InvalidError):
        read_skips(text)


def test_no_more_skips_are_written_than_can_be_read() -> None:
    """A bundle that nobody could read again would stop the hub."""
    full = Skips(
        messages=tuple(replace(ASIDE, offset=at + 1) for at in range(SKIPS_MAX))
    )

    assert read_skips(full.text()) == full
    with pytest.raises(InvalidError, match="begin a new generation"):
        full.with_cut(CUT)
