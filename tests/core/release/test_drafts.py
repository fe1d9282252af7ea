"""A release that waits for a second person's word, and goes out as it was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.core import observation
from hub.core.bundle import Bundle, Held
from hub.core.ending import Ending
from hub.core.keys import Key, KeyRegistry
from hub.core.log import Send
from hub.core.messages import Close, Notice, decode
from hub.core.release import Release, drafts, report
from hub.core.skips import Approval, Skips
from hub.core.topics import NOTICES
from tests.core.facts_log import CATALOGUE, CELLS_KEY, Message
from tests.core.release import cuts
from tests.core.release.cuts import close, crossings, manifests, sent

YEAR: dict[str, list[dict[str, Any]]] = {
    "crossing": [*crossings("F", 40), *crossings("M", 30)],
    "declaration": cuts.declarations(),
}
KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
DATES = replace(CATALOGUE.calendar, approval="sms")
CAREFUL = replace(CATALOGUE, calendar=DATES, digest=b"\1" * 32)
FIRST = close("a", created_ms=1_000)
"""The draft; what comes after it brings the bundle with the approval."""


def registry() -> KeyRegistry:
    """The key of the member whose word is needed, and that of another."""
    keys = {}
    for name, member, private in (
        ("word", "TM/GOV/sms", KEY),
        ("other", "TM/GOV/mef", OTHER),
    ):
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        keys[name] = Key(key_id=name, use="sign", member=member, public=public)
    return KeyRegistry(keys=keys)


BEFORE = Bundle(catalogue=CAREFUL, registry=registry())


def notices(sends: list[Send]) -> list[Notice]:
    """What the operator is told."""
    found = [decode(one.value or b"") for one in sends if one.topic == NOTICES]
    return [one for one in found if isinstance(one, Notice)]


def ending(marker: Close, bundle: Bundle) -> Ending:
    """A marker under a bundle."""
    return Ending(close=marker, config=bundle.digest)


class Later(Held):
    """Bundles of which all but the first came after the cells began."""

    def held(self) -> list[bytes]:
        """Only the first."""
        return list(super().held())[:1]


def path(
    approvals: list[Approval],
    *between: Message | Ending,
    kind: Callable[[list[Bundle]], Held] = Later,
    then: Callable[[Bundle], Bundle] = lambda after: after,
    met: bool = False,
) -> tuple[list[Send], bytes]:
    """What release sends of a draft and its approvals, and what was seen of it.

    Args:
        approvals: In the second bundle, which the last marker brings.
        between: What comes after the draft.
        kind: How aggregate holds the bundles.
        then: Makes the bundle that the last marker brings from that second one.
        met: Whether a marker before it brings the second one.
    """
    after = BEFORE.successor(CAREFUL, registry(), Skips(approved=tuple(approvals)))
    newest = then(after)
    bundles = Held([BEFORE, after, newest])
    stage = Release(bundles, cells_key=CELLS_KEY, secret=b"s" * 32, signer=cuts.SIGNER)
    mark = close("z", tables=("VOL",), vintage="F", created_ms=6_000)
    last = ending(mark, newest)
    early = close("y", tables=("VOL",), vintage="R", created_ms=5_500)
    more = [ending(early, after)] if met else []
    steps = [YEAR, ending(FIRST, BEFORE), *between, *more, last]
    plain = [
        cuts.Apart(mobility=one, none=one) if isinstance(one, Ending) else one
        for one in steps
    ]
    chain = kind([BEFORE, after, newest])
    _, results = cuts.step(stage, cuts.cells_log(plain, chain))
    sends = sent(results)
    return sends, notices(sends)[0].digest


@cache
def silent() -> tuple[list[Send], bytes]:
    """A draft that nobody approves."""
    return path([])


def approval(seen: bytes, private: Ed25519PrivateKey, key_id: str) -> Approval:
    """A word about the draft."""
    signature = private.sign(drafts.signed_bytes(FIRST.marker, seen))
    return Approval(
        marker=FIRST.marker,
        digest=seen,
        key_id=key_id,
        created_ms=5_000,
        signature=signature,
    )


def test_nothing_goes_out_without_a_word_and_then_what_was_seen() -> None:
    """The draft tells utility and no figure; approved, it is that very release."""
    told_only, seen = silent()
    [draft] = [one for one in notices(told_only) if one.marker == FIRST.marker]
    told = [observation.decode(one) for one in draft.manifests]
    late = {"crossing": crossings("F", 30, first=40)}
    sends, _ = path([approval(seen, KEY, "word")], late)
    out = [one for one in manifests(sends) if one.marker == FIRST.marker]

    assert {one.topic for one in told_only} == {NOTICES}
    assert draft.kind == "draft"
    assert drafts.digest(draft.manifests) == draft.digest
    # Rows that came after the draft are not in it.
    assert {one.table: one.digest for one in out} == {
        one.table: one.digest for one in told
    }
    assert {one.released_ms for one in out} == {5_000}
    assert report.summary(report.rows(out))["tables"] == len(told)


def test_cells_that_were_made_anew_know_the_word_from_the_beginning() -> None:
    """The draft is told and let out at once: the same release."""
    _, seen = silent()
    word = [approval(seen, KEY, "word")]
    live, _ = path(word)
    anew, _ = path(word, kind=Held)

    assert manifests(anew) == manifests(live) != []


def test_a_word_counts_only_from_whom_it_is_asked_and_about_what_was_seen() -> None:
    """Another member's key, another draft's digest, no signature at all."""
    _, seen = silent()
    wrong = [
        approval(seen, OTHER, "other"),
        approval(seen, OTHER, "word"),
        approval(b"\0" * 32, KEY, "word"),
        replace(approval(seen, KEY, "word"), signature=bytes(64)),
    ]
    sends, _ = path(wrong)

    assert not manifests(sends)
    assert {one.kind for one in notices(sends)} == {"draft"}


def revoked(after: Bundle) -> Bundle:
    """What follows a bundle when the key that gave the word is revoked."""
    keys = dict(after.registry.keys)
    keys["word"] = replace(keys["word"], status="revoked")
    return after.successor(after.catalogue, KeyRegistry(keys=keys), after.skips)


def test_a_key_that_is_revoked_after_its_word_takes_nothing_back() -> None:
    """Let out before, met together, or worked out anew years later: one release."""
    _, seen = silent()
    word = [approval(seen, KEY, "word")]
    live, _ = path(word)
    mine = [one for one in manifests(live) if one.marker == FIRST.marker]
    assert mine

    for kind, met in ((Later, True), (Later, False), (Held, False)):
        sends, _ = path(word, kind=kind, then=revoked, met=met)
        found = [one for one in manifests(sends) if one.marker == FIRST.marker]
        assert found == mine


def test_a_key_that_was_revoked_before_says_nothing() -> None:
    """Its word is in a bundle that knows of the revocation already."""
    _, seen = silent()
    word = Skips(approved=(approval(seen, KEY, "word"),))

    def then(after: Bundle) -> Bundle:
        gone = revoked(after)
        return gone.successor(CAREFUL, gone.registry, word)

    sends, _ = path([], then=then)

    assert not manifests(sends)


def test_whose_word_is_needed_is_what_the_draft_was_cut_under() -> None:
    """A newer calendar that names another member asks nothing of an older draft."""
    _, seen = silent()
    dates = replace(DATES, approval="mef")
    other = replace(CAREFUL, calendar=dates, digest=b"\2" * 32)

    def named(words: list[Approval]) -> set[bytes]:
        sends, _ = path(
            words, then=lambda after: after.successor(other, registry(), after.skips)
        )
        return {one.marker for one in manifests(sends)}

    assert named([approval(seen, KEY, "word")]) == {FIRST.marker}
    assert named([approval(seen, OTHER, "other")]) == set()


def test_a_newer_draft_takes_the_place_of_an_older_one() -> None:
    """The approval of what is no longer there lets nothing out."""
    _, seen = silent()
    second = close("b", created_ms=2_000)
    sends, _ = path([approval(seen, KEY, "word")], ending(second, BEFORE))

    assert not manifests(sends)
    # The last marker of the log is a draft as well, of another table.
    told = drafts.live(notices(sends))
    assert [one.marker for one in told] == [second.marker, close("z").marker]


def test_a_draft_that_was_refused_waits_no_longer() -> None:
    """Nor does one of the same name and more tables; another letter takes no place."""
    one, two, both = (
        cuts.draft(marker, *tables)
        for marker, tables in (("1", ("A",)), ("2", ("B",)), ("3", ("A", "B")))
    )
    later = replace(cuts.draft("4", "A", "B"), vintage="R")
    gone = replace(both, kind=drafts.REFUSED, manifests=(), reason=b"it stands")

    assert drafts.live([one, two]) == [one, two]
    assert drafts.live([both, one]) == [both, one]
    assert drafts.live([one, two, later]) == [one, two, later]
    assert drafts.live([one, two, both]) == [both]
    assert drafts.live([one, two, both, gone]) == []


def test_the_report_as_a_page_has_a_line_a_table_and_names_hidden_women() -> None:
    """From manifests alone."""
    sends, _ = silent()
    found = report.rows(map(observation.decode, notices(sends)[0].manifests))
    hidden = {**found[0], "suppressed_f": 20.0, "suppressed_m": 10.0}
    page = report.page([hidden, *found[1:]], "What protection costs")

    assert page.count("\n| ") == len(found) + 3
    assert f"than men: {hidden['table']}" in page
    assert report.summary([hidden])["hides_women"] == [hidden["table"]]
