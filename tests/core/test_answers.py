"""Answers: their sizes tell nothing where counts are secret, and always fit a topic."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import answers, avro
from hub.core.admission import Batch
from hub.core.answers import Desk
from hub.core.bundle import only
from hub.core.envelope.recipients import PrivateKey
from hub.core.envelope.seal import open_sealed
from hub.core.keys import Key, KeyRegistry, SigningKey
from hub.core.lanes import Outcome
from hub.core.log import Incoming, Send, Source
from hub.core.messages import (
    INFLATED_BYTES_MAX,
    ROWS_MAX,
    EnvelopeHeader,
    Quarantine,
    Sealed,
    decode,
    decode_as,
    encode,
)
from hub.core.reasons import Reason
from hub.core.rulebook import Rulebook
from hub.core.topics import MESSAGE_BYTES_MAX
from hub.core.validate import Refused
from hub.edge.files import read_catalogue
from tests.core import stream

CATALOGUE = read_catalogue()
SEAL = PrivateKey(suite=2, seed=b"s" * 32)
SIGNER = SigningKey(
    key_id="receipt-1", private=Ed25519PrivateKey.from_private_bytes(b"r" * 32)
)


def desk(ministry: str, flow: str) -> Desk:
    """The desk for one ministry topic."""
    member = CATALOGUE.members[ministry].member
    key = Key(
        key_id="seal-1", use="seal", member=member, suite=2, public=SEAL.public().raw
    )
    registry = KeyRegistry(keys={"seal-1": key})
    topic = f"ministry.{ministry}.{flow}"
    return Desk.of(
        Rulebook.of(CATALOGUE, registry).address(topic),
        Source(topic=topic, partition=0, log=bytes(16)),
        SIGNER,
        registry,
    )


def batch(to: Desk, rows: pl.DataFrame) -> Batch:
    """A batch that was taken."""
    header = EnvelopeHeader(
        kind="records",
        member=to.address.member.member,
        dataflow=to.address.records.flow.id,
        schema=bytes(8),
        batch=bytes(16),
        lane=bytes(16),
        sequence=1,
        previous=bytes(32),
        created_ms=0,
        signer="x",
    )
    return Batch(
        message=Incoming(offset=7, time_ms=1, value=b""),
        digest=bytes(32),
        header=header,
        outcome=Outcome.NEW,
        expected=2,
        form=to.address.records,
        rows=rows,
    )


def frame(to: Desk, rows: int, text: str = "x") -> pl.DataFrame:
    """Rows with a text in each text column."""
    types = avro.polars_schema(to.address.records.flow.schema)
    return pl.DataFrame(
        {
            name: pl.Series([text if kind == pl.String else None] * rows, dtype=kind)
            for name, kind in types.items()
        }
    )


def refused(rows: int, reason: Reason = Reason.CODE) -> list[Refused]:
    """All of them."""
    return [Refused(row=row, reason=reason, field="sex") for row in range(rows)]


def opened(sends: list[Send]) -> list[Quarantine]:
    """Quarantine messages as the ministry reads them."""
    found = []
    for send in sends:
        sealed = decode(send.value or b"")
        assert isinstance(sealed, Sealed)
        found.append(decode_as(Quarantine, open_sealed(sealed, {"seal-1": SEAL})))
    return found


def sizes(to: Desk, counts: tuple[int, ...], kind: str) -> set[int]:
    """Sizes of the answers to batches with so many refused rows."""
    found = set()
    for count in counts:
        one = batch(to, frame(to, max(counts)))
        bad = refused(count)
        if kind == "receipt":
            mixed = [
                replace(row, reason=list(Reason)[n % 8]) for n, row in enumerate(bad)
            ]
            sends = to.send_receipt(encode(to.receipt(one, mixed)))
        else:
            sends = to.send_quarantine(one, bad)
        found |= {len(send.value or b"") for send in sends}
    return found


def test_a_quiet_receipt_has_one_size() -> None:
    """None refused or many, for one reason or for eight: the same size."""
    assert len(sizes(desk("moh", "service_contact"), (0, 1, 300), "receipt")) == 1
    assert len(sizes(desk("sms", "border_crossing"), (0, 1, 300), "receipt")) > 1


def test_quiet_rows_go_back_in_classes() -> None:
    """One row or fifty refused look the same from outside."""
    assert len(sizes(desk("moh", "service_contact"), (1, 20, 50), "rows")) == 1
    assert len(sizes(desk("sms", "border_crossing"), (1, 20, 50), "rows")) == 3


@pytest.mark.parametrize("ministry", ["moh", "sms"])
def test_many_refused_rows_go_in_several_answers(
    ministry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row comes back once, in order, and no answer is too large."""
    monkeypatch.setattr(answers, "QUARANTINE_BYTES_MAX", 6_000)
    flow = CATALOGUE.members[ministry].provides[0]
    to = desk(ministry, flow)
    sends = to.send_quarantine(batch(to, frame(to, 900)), refused(900))
    told = opened(sends)

    assert len(told) > 1
    assert [row.row for one in told for row in one.rows] == list(range(900))
    schema = CATALOGUE.dataflows[flow].schema
    back = [
        avro.frame(
            one.container, schema, rows_max=ROWS_MAX, bytes_max=INFLATED_BYTES_MAX
        ).height
        for one in told
    ]
    assert back == [len(one.rows) for one in told]
    assert max(len(send.value or b"") for send in sends) < MESSAGE_BYTES_MAX


def test_a_row_of_megabytes_comes_back_cut() -> None:
    """Whatever a ministry sends, what goes back fits; nothing raises."""
    to = desk("sms", "border_crossing")
    random = pl.Series([bytes(range(65, 91)).decode() * 400_000])
    rows = frame(to, 1).with_columns(family_name=random, given_name=random)
    mixed = rows.with_columns(pl.col("family_name").str.reverse())
    (told,) = opened(to.send_quarantine(batch(to, mixed), refused(1)))
    assert told.rows[0].row == 0

    # Letters that do not shrink: the row alone is larger than an answer.
    text = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(3_000_000))
    large = frame(to, 1).with_columns(family_name=pl.Series([text]))
    sends = to.send_quarantine(batch(to, large), refused(1))
    (told,) = opened(sends)
    schema = CATALOGUE.dataflows["border_crossing"].schema
    (back,) = avro.frame(told.container, schema, rows_max=1, bytes_max=1 << 20)[
        "family_name"
    ]
    assert text.startswith(back)
    assert len(back) == 1_000


def told(rows: int, *, quiet: bool) -> int:
    """Size of the statement about so many rows that came twice."""
    flows = {
        name: replace(flow, quiet=quiet and name == "crossing")
        for name, flow in stream.FLOWS.items()
    }
    catalogue = replace(stream.CATALOGUE, dataflows=flows)
    run = stream.Run(stream.stage(bundles=only(catalogue, stream.REGISTRY)))
    lane = stream.Lane(stream.World(seed=7, naturals=0), "crossing")
    first = lane.block([stream.Row(number % rows) for number in range(2 * rows)])
    tomorrow = lane.block([], clock_ms=stream.NOON_MS + stream.DAY_MS)
    run.step(stream.log([first, tomorrow]))
    (value,) = run.told
    return len(value)


def test_a_quiet_domain_has_statements_of_one_size() -> None:
    """How many rows a ministry repeats is a count as well."""
    assert told(1, quiet=True) == told(30, quiet=True)
    assert told(1, quiet=False) < told(30, quiet=False)
