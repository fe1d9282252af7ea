"""Intake: what comes out for what comes in, whatever the chunks."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hub.core import admission, avro, blocks
from hub.core.bundle import Bundle, Held, only
from hub.core.catalogue.model import Dataflow
from hub.core.errors import BundleError, LogError
from hub.core.keys import KeyRegistry
from hub.core.log import ROW_LAST
from hub.core.messages import (
    Section,
    verify,
)
from hub.core.reasons import Reason
from hub.core.rulebook import Rulebook
from hub.core.skips import Skips
from tests.core.ministry import (
    CLOCK_MS,
    FLOW,
    OLD_SIGN,
    RECEIPT,
    Keys,
    Lane,
    Run,
    catalogue,
    close,
    config,
    crossing,
    frame_of,
    genesis,
    intake,
    registry,
)

STRANGER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)


def begun() -> tuple[Run, Lane]:
    """A partition after its genesis, and a lane."""
    run = Run()
    run.feed(genesis())
    return run, Lane()


def test_rows_come_out_in_order_without_names() -> None:
    """A good batch: rows at their places, a final receipt, nothing refused."""
    run, lane = begun()
    value = lane.seal([crossing(1), crossing(2)])
    run.feed(value)
    rows = run.rows("MOBILITY", FLOW)
    (receipt,) = run.receipts()

    assert rows.select("origin_offset", "origin_row").rows() == [(1, 0), (1, 1)]
    assert rows["clock_ms"].to_list() == [CLOCK_MS + 1] * 2
    assert rows["member"].to_list() == ["sms", "sms"]
    assert (receipt.accepted, receipt.refused, receipt.outcome) == (2, (), "accepted")
    assert (receipt.final, receipt.expected, receipt.offset) == (True, 2, 1)
    assert receipt.digest == hashlib.sha256(value).digest()
    verify(receipt, RECEIPT.public_key())
    assert run.counted("rows_total") == {("accepted", ""): 2}


def test_a_bad_row_goes_back_and_the_rest_goes_on() -> None:
    """Refused rows are counted in the receipt and returned sealed."""
    run, lane = begun()
    run.feed(lane.seal([crossing(1), crossing(2, sex="X"), crossing(3, sex=None)]))
    (receipt,), (back,) = run.receipts(), run.quarantines()
    schema = catalogue().dataflows[FLOW].schema
    returned = avro.frame(back.container, schema, rows_max=9, bytes_max=99_999)

    assert run.rows("MOBILITY", FLOW)["origin_row"].to_list() == [0]
    assert receipt.accepted == 1
    assert receipt.refused == (("code", 1), ("missing", 1))
    assert [(one.row, one.reason, one.field) for one in back.rows] == [
        (1, "code", "sex"),
        (2, "missing", "sex"),
    ]
    assert_frame_equal(
        returned, frame_of([crossing(2, sex="X"), crossing(3, sex=None)])
    )
    assert run.counted("rows_total") == {
        ("accepted", ""): 1,
        ("quarantined", "code"): 1,
        ("quarantined", "missing"): 1,
    }


def test_nothing_that_leaves_names_anyone() -> None:
    """No identifier is in any opened output, nor in state; only in what goes back."""
    secret: dict[str, Any] = {
        "personal_no": "84207719355",
        "doc_no": "QX7719355",
        "family_name": "Garajaýewa",
        "given_name": "Maralgözel",
        "patronymic": "Amangeldiýewna",
        "birth_date": dt.date(1985, 3, 7),
        "record_id": "register-7719355",
    }
    run, lane = begun()
    run.feed(lane.seal([crossing(1, **secret)]), close())
    run.feed(lane.seal([crossing(1, **secret, sex="X")]))
    left = b"".join(
        section.container
        for domain in ("MOBILITY", "NONE")
        for _, sections in run.blocks(domain)
        for section in map(plain, sections)
    )
    left += b"".join(run.opened("receipts.sms"))
    left += b"".join(send.value or b"" for send in run.sends)
    left += b"".join((*run.memory.entries, *run.memory.entries.values()))
    left += repr(run.counts).encode()
    (back,) = run.quarantines()
    returned = plain(Section(name=FLOW, count=1, container=back.container)).container

    (row,) = run.rows("MOBILITY", FLOW).rows()
    born = secret.pop("birth_date")

    assert born not in row
    assert (born - dt.date(1970, 1, 1)).days not in row
    for name, value in secret.items():
        assert value.encode() in returned, name
        assert value.encode() not in left, name


def plain(section: Section) -> Section:
    """The section with its rows uncompressed, so that a text would be seen."""
    if section.name == "close":
        return section
    flow = catalogue().dataflows[section.name]
    schema = rows_schema(section, flow)
    rows = avro.frame(section.container, schema, rows_max=99, bytes_max=99_999)
    return replace(section, container=avro.container(rows, schema, codec="null"))


def rows_schema(section: Section, flow: Dataflow) -> str:
    """Schema of a section's container: the provider's or the derived one."""
    own = flow.schema.encode() in section.container
    return (
        flow.schema
        if own
        else Rulebook.of(catalogue(), registry())
        .address(f"ministry.sms.{FLOW}")
        .records.output
    )


def test_a_batch_sent_again_gets_its_first_receipt() -> None:
    """In the same chunk or later: same bytes, rows counted, nothing taken twice."""
    run, lane = begun()
    first = lane.seal([crossing(1), crossing(2, sex="X")])
    run.feed(first, first)
    run.feed(lane.seal([crossing(3)]), first)
    receipts = list(run.opened("receipts.sms"))

    assert receipts[0] == receipts[1] == receipts[3]
    assert run.rows("MOBILITY", FLOW)["origin_offset"].to_list() == [1, 3]
    assert run.counted("rows_total")["duplicate", ""] == 4
    assert len(run.quarantines()) == 1


def test_a_gap_sends_the_publisher_back() -> None:
    """A batch that came too early is not taken; it is when it comes in its turn."""
    run, lane = begun()
    first, second = lane.seal([crossing(1)]), lane.seal([crossing(2)])
    run.feed(second, first, second)
    gap, *rest = run.receipts()

    assert (gap.outcome, gap.final, gap.expected) == ("expected", False, 1)
    assert gap.refused == (("sequence", 0),)
    assert [receipt.accepted for receipt in rest] == [1, 1]
    assert run.rows("MOBILITY", FLOW)["origin_offset"].to_list() == [2, 3]


def test_a_fork_is_refused_and_a_new_lane_goes_on() -> None:
    """A restored spool forks its lane; its rows come in a new one."""
    run, lane = begun()
    run.feed(lane.seal([crossing(1)]))
    restored = Lane()
    run.feed(restored.seal([crossing(2)]))
    fresh = Lane(lane=b"n" * 16)
    run.feed(fresh.seal([], kind="lane", payload=b""), fresh.seal([crossing(2)]))
    _, fork, opened, taken = run.receipts()

    assert (fork.outcome, fork.final, fork.refused) == ("refused", True, (("fork", 0),))
    assert (opened.outcome, opened.accepted) == ("accepted", 0)
    assert taken.accepted == 1


def test_what_is_refused_leaves_the_receipts_of_others_alone() -> None:
    """After a fork and a gap the batches they stood in for are told the same again."""
    run, lane = begun()
    first, second = lane.seal([crossing(1)]), lane.seal([crossing(2)])
    forged = Lane().seal([crossing(3)])
    run.feed(first, forged, first)
    early = lane.seal([crossing(4)])
    run.feed(early, second, early, second)
    told, fork, again, *rest = run.receipts()

    assert fork.refused == (("fork", 0),)
    assert again == told
    assert [one.outcome for one in rest] == ["expected", *3 * ["accepted"]]
    assert rest[3] == rest[1]


BAD = b"not a container"
REFUSALS: dict[str, tuple[dict[str, Any], Reason]] = {
    "another ministry": ({"member": "TM/GOV/MFA/HUB"}, Reason.ADDRESS),
    "another dataflow": ({"dataflow": "remittance"}, Reason.ADDRESS),
    "another partition": ({"lane": bytes(15) + b"\x01"}, Reason.ADDRESS),
    "a stranger's signature": ({"key": STRANGER}, Reason.SIGNATURE),
    "a revoked key": ({"key": OLD_SIGN, "signer": "sms-old"}, Reason.SIGNATURE),
    "an unknown key": ({"signer": "sms-none"}, Reason.SIGNATURE),
    "another schema": ({"schema": bytes(8)}, Reason.SCHEMA),
    "no container": ({"payload": BAD}, Reason.CONTENT),
    "declared records": ({"kind": "declaration"}, Reason.SCHEMA),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_used_is_refused_with_its_reason(case: str) -> None:
    """Unbelievable: chain untouched, not final. Unusable: chain advanced, final."""
    changes, reason = REFUSALS[case]
    unbelieved = reason in (Reason.ADDRESS, Reason.SIGNATURE)
    run, lane = begun()
    before = (lane.sequence, lane.digest)
    run.feed(lane.seal([crossing(1)], **changes))
    if unbelieved:
        lane.sequence, lane.digest = before
    run.feed(lane.seal([crossing(2)]))
    refused, taken = run.receipts()

    assert (refused.outcome, refused.accepted) == ("refused", 0)
    assert refused.refused == ((reason, 0),)
    assert refused.final is not unbelieved
    assert taken.accepted == 1
    assert run.counted("envelopes_total") == {
        ("refused", reason): 1,
        ("accepted", ""): 1,
    }
    assert run.rows("MOBILITY", FLOW)["origin_offset"].to_list() == [2]


def test_a_destroyed_key_epoch_refuses_for_good() -> None:
    """What is sealed to a key that is gone takes its place in the lane, unread."""
    run = Run(stage=intake(keys=Keys(hub={})))
    run.feed(genesis(), Lane().seal([crossing(1)]))
    (receipt,) = run.receipts()

    assert (receipt.refused, receipt.final) == ((("key", 0),), True)
    assert receipt.expected == 2


@pytest.mark.parametrize("value", [b"", b"garbage", b"\xc3\x01" + bytes(40)])
def test_garbage_is_answered_and_covered(value: bytes) -> None:
    """Bytes that are no message never raise."""
    run, _ = begun()
    run.feed(value)
    (receipt,) = run.receipts()

    assert (receipt.refused, receipt.final) == ((("malformed", 0),), False)
    assert run.blocks("MOBILITY")[-1][0].to_offset == 1


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_damaged_envelope_is_never_taken(at: int, byte: int) -> None:
    """Any changed byte is refused, and the true envelope is taken afterwards."""
    run, lane = begun()
    value = lane.seal([crossing(1)])
    damaged = bytearray(value)
    damaged[at % len(value)] = byte
    if bytes(damaged) == value:
        return
    run.feed(bytes(damaged), value)

    assert [r.accepted for r in run.receipts()] == [0, 1]


def test_declarations_go_to_the_domain_without_persons() -> None:
    """A declared period is a row of NONE that names the dataflow; no record counts."""
    run, lane = begun()
    run.feed(lane.declare("2025-09"), lane.declare("2025-99"))
    declared = run.rows("NONE", "declaration")
    good, bad = run.receipts()

    assert declared["dataflow"].to_list() == [FLOW]
    assert declared["period"].to_list() == ["2025-09"]
    assert (good.accepted, good.refused, good.dataflow) == (0, (), FLOW)
    assert (bad.accepted, bad.refused) == (0, (("date", 1),))
    assert len(run.quarantines()) == 1


def test_a_marker_parts_what_is_before_from_what_is_after() -> None:
    """A close goes to every destination, alone in its block, the chain dense."""
    run, lane = begun()
    run.feed(lane.seal([crossing(1)]), close(), lane.seal([crossing(2)]))
    for domain in ("MOBILITY", "NONE"):
        headers = [header for header, _ in run.blocks(domain)]
        found = [(h.kind, h.from_offset, h.to_offset) for h in headers]

        assert found == [
            ("rows", -1, 0),
            ("rows", 0, 1),
            ("close", 1, 2),
            ("rows", 2, 3),
        ]
        assert {h.from_row for h in headers} == {ROW_LAST}
        marker, _ = blocks.close_of(run.blocks(domain)[2][1])
        assert marker.period == "2025-09"


def test_a_forged_marker_closes_nothing() -> None:
    """A close that control did not sign is counted and passed over."""
    run, _ = begun()
    run.feed(close(STRANGER))

    assert [header.kind for header, _ in run.blocks("NONE")] == ["rows", "rows"]
    assert run.counted("control_total")["refused", "signature"] == 1


@pytest.mark.parametrize(
    "value",
    [genesis(log=b"?" * 16), genesis(partition=1), genesis(key_id="sms-sign")],
    ids=["another log", "another partition", "unsigned"],
)
def test_a_foreign_log_stops_the_partition(value: bytes) -> None:
    """The genesis record must be this partition's own."""
    with pytest.raises(LogError):
        Run().feed(value)


def test_a_bundle_that_is_not_held_stops_the_partition() -> None:
    """Config records say which rules are in force; others' cannot be followed."""
    run, lane = begun()
    held = Rulebook.of(catalogue(), registry())
    run.feed(config(held.digest), lane.seal([crossing(1)]))

    assert run.blocks("NONE")[-1][0].config == held.digest
    with pytest.raises(BundleError, match="topics bundle --add"):
        run.feed(config(b"?" * 32))


def test_rules_are_in_force_from_their_record_on() -> None:
    """A key revoked by a config record counts before it and not after it."""
    keys = dict(registry().keys)
    keys["sms-sign"] = replace(keys["sms-sign"], status="revoked")
    old = Bundle(catalogue=catalogue(), registry=registry())
    new = old.successor(catalogue(), KeyRegistry(keys=keys), Skips())
    run = Run(stage=intake(bundles=Held([old, new])))
    lane = Lane()
    before, after = lane.seal([crossing(1)]), lane.seal([crossing(2)])
    run.feed(genesis(), before, config(new.digest), after)
    headers = [header for header, _ in run.blocks("MOBILITY")]

    assert [receipt.outcome for receipt in run.receipts()] == ["accepted", "refused"]
    assert [header.config for header in headers] == [old.digest, new.digest]
    assert [(h.from_offset, h.to_offset) for h in headers] == [(-1, 1), (1, 3)]
    run.feed(after)
    assert run.receipts()[-1].refused == (("signature", 0),)


def test_of_a_quiet_dataflow_only_well_or_refused_is_counted() -> None:
    """No reason and no number of rows of a quiet dataflow becomes a metric."""
    flows = dict(catalogue().dataflows)
    flows[FLOW] = replace(flows[FLOW], quiet=True)
    quiet = replace(catalogue(), dataflows=flows)
    run = Run(stage=intake(bundles=only(quiet, registry())))
    lane = Lane()
    run.feed(genesis(), lane.seal([crossing(1), crossing(2, sex="X")]), b"garbage")

    assert run.counted("rows_total") == {}
    assert run.counted("envelopes_total") == {("ok", ""): 1, ("refused", ""): 1}


def test_without_the_ministrys_key_nothing_is_sent_open() -> None:
    """No sealing key: no receipt, no returned rows, and it is counted."""
    keys = {k: v for k, v in registry().keys.items() if k != "sms-1"}
    run = Run(stage=intake(bundles=only(catalogue(), KeyRegistry(keys=keys))))
    run.feed(genesis(), Lane().seal([crossing(1), crossing(2, sex="X")]))

    assert {send.topic for send in run.sends} == {
        "hub.records.MOBILITY",
        "hub.records.NONE",
    }
    assert run.counted("answers_total") == {("unsealed", ""): 1}
    assert run.rows("MOBILITY", FLOW).height == 1


def test_an_older_bundle_does_not_come_back_into_force() -> None:
    """Two config records in the wrong order leave the newer one in force."""
    old = Bundle(catalogue=catalogue(), registry=registry())
    keys = dict(registry().keys)
    keys["sms-sign"] = replace(keys["sms-sign"], status="revoked")
    new = old.successor(catalogue(), KeyRegistry(keys=keys), Skips())
    run = Run(stage=intake(bundles=Held([old, new])))
    run.feed(genesis(), config(new.digest), config(old.digest), Lane().seal([]))

    assert [header.config for header, _ in run.blocks("NONE")][-1] == new.digest
    assert run.counted("control_total") == {("accepted", ""): 2, ("stale", ""): 1}
    assert run.receipts()[-1].refused == (("signature", 0),)


def test_what_is_set_aside_gets_a_final_answer_and_its_lane_goes_on() -> None:
    """The rows are not taken; the next envelope of the lane is."""
    run, lane = begun()
    values = [lane.seal([crossing(1)]), b"garbage", close(), lane.seal([crossing(2)])]
    run.feed(*values, aside={0, 1, 2})
    first, garbage, marker, second = run.receipts()[-4:]

    assert (first.outcome, first.final, first.refused) == (
        "refused",
        True,
        (("skipped", 0),),
    )
    assert not garbage.final
    assert not marker.final
    assert (second.accepted, second.outcome) == (1, "accepted")
    assert run.rows("MOBILITY", FLOW).height == 1
    assert {header.kind for header, _ in run.blocks("NONE")} == {"rows"}


def test_what_kills_a_worker_is_answered_when_it_is_set_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the cause is, a skip gets past it."""
    run, lane = begun()

    def killing(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(admission, "_believed", killing)
    value = lane.seal([crossing(1)])
    with pytest.raises(ZeroDivisionError):
        run.feed(value)
    run.feed(value, aside={0})

    assert run.receipts()[-1].refused == (("skipped", 0),)
