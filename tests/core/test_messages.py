"""Messages: one encoding each, bounded, signed under their own name."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import fastavro
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.core.binary import put_long
from hub.core.errors import EnvelopeError
from hub.core.fingerprint import canonical, fingerprint
from hub.core.log import ROW_LAST, START, Source
from hub.core.messages import (
    SCHEMAS,
    Block,
    BlockHeader,
    Close,
    Config,
    Decision,
    Envelope,
    EnvelopeHeader,
    Genesis,
    Message,
    Notice,
    Quarantine,
    QuarantinedRow,
    Receipt,
    Sealed,
    Section,
    Sections,
    Stanza,
    Statement,
    decode,
    decode_as,
    encode,
    sign,
    signed_bytes,
    verify,
)
from hub.core.messages.codec import PREFIX_SIZE
from hub.core.messages.schemas import INTERNAL, PUBLIC, text_of
from hub.core.reasons import Reason

FILES = Path(__file__).resolve().parents[2] / "schemas" / "avro"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

small = st.integers(0, 2**31 - 1)
large = st.integers(0, 2**63 - 1)
blob = st.binary(max_size=64)


def text(most: int) -> st.SearchStrategy[str]:
    """Printable ASCII of at most `most` characters."""
    return st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=most
    )


def fixed(size: int) -> st.SearchStrategy[bytes]:
    """Exactly `size` bytes."""
    return st.binary(min_size=size, max_size=size)


def tuples(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[Any]:
    """A tuple of a few items."""
    return st.lists(items, max_size=most).map(tuple)


SIGNED = {"created_ms": large, "key_id": text(64), "signature": fixed(64)}
STRATEGIES: dict[str, st.SearchStrategy[Message]] = {
    "genesis": st.builds(
        Genesis,
        log=fixed(16),
        topic=text(249),
        partition=small,
        partitions=st.integers(1, 99),
        catalogue=fixed(32),
        generation=small,
        **SIGNED,
    ),
    "notice": st.builds(
        Notice,
        marker=fixed(16),
        kind=st.sampled_from(["refused", "draft"]),
        vintage=st.sampled_from("PRF"),
        period=text(16),
        reason=blob,
        manifests=tuples(blob),
        digest=fixed(32),
        **SIGNED,
    ),
    "config": st.builds(Config, bundle=fixed(32), **SIGNED),
    "close": st.builds(
        Close,
        marker=fixed(16),
        vintage=st.sampled_from("PRF"),
        tables=tuples(text(64)),
        period=text(16),
        **SIGNED,
    ),
    "envelope": st.builds(
        Envelope,
        header=blob,
        recipients=tuples(
            st.builds(Stanza, key_id=text(64), encapsulation=blob, wrapped=blob)
        ),
        nonce=fixed(12),
        ciphertext=blob,
        signature=fixed(64),
    ),
    "envelope_header": st.builds(
        EnvelopeHeader,
        suite=st.sampled_from((1, 2)),
        kind=st.sampled_from(("records", "declaration", "lane")),
        member=text(96),
        dataflow=text(64),
        schema=fixed(8),
        batch=fixed(16),
        lane=fixed(16),
        sequence=st.integers(1, 2**63 - 1),
        previous=fixed(32),
        created_ms=large,
        signer=text(64),
        commitment=fixed(32),
    ),
    "sealed": st.builds(
        Sealed,
        kind=st.sampled_from(("receipt", "quarantine", "statement")),
        member=text(96),
        key_id=text(64),
        suite=st.sampled_from((1, 2)),
        encapsulation=blob,
        ciphertext=blob,
    ),
    "receipt": st.builds(
        Receipt,
        batch=fixed(16),
        digest=fixed(32),
        member=text(96),
        dataflow=text(64),
        lane=fixed(16),
        sequence=large,
        topic=text(249),
        partition=small,
        offset=large,
        accepted=small,
        refused=tuples(st.tuples(text(32), small)),
        outcome=st.sampled_from(("accepted", "refused", "expected", "duplicate")),
        final=st.booleans(),
        expected=large,
        received_ms=large,
        key_id=text(64),
        signature=fixed(64),
    ),
    "quarantine": st.builds(
        Quarantine,
        batch=fixed(16),
        digest=fixed(32),
        member=text(96),
        dataflow=text(64),
        sequence=large,
        rows=tuples(
            st.builds(
                QuarantinedRow,
                row=small,
                reason=text(32),
                field=st.just("") | text(64),
            )
        ),
        container=blob,
    ),
    "statement": st.builds(
        Statement,
        member=text(96),
        day=st.just("2026-11-30"),
        decisions=tuples(
            st.builds(
                Decision,
                topic=text(249),
                partition=small,
                offset=large,
                row=small,
                decision=st.sampled_from(("replay", "duplicate", "amendment")),
            )
        ),
        **SIGNED,
    ),
    "block": st.builds(Block, header=blob, nonce=fixed(12), ciphertext=blob),
    "block_header": st.builds(
        BlockHeader,
        stage=text(16),
        kind=st.sampled_from(("rows", "close", "complete")),
        source=st.builds(Source, topic=text(249), partition=small, log=fixed(16)),
        from_offset=st.just(START.offset) | st.integers(0, 99),
        from_row=small,
        to_offset=st.integers(100, 2**63 - 1),
        to_row=st.just(ROW_LAST) | small,
        clock_ms=large,
        config=fixed(32),
        generation=small,
        key_id=text(64),
    ),
    "sections": st.builds(
        Sections,
        sections=tuples(st.builds(Section, name=text(64), count=small, container=blob)),
    ),
}
any_message = st.one_of(*STRATEGIES.values())
GENESIS = Genesis(
    log=bytes(16),
    topic="ministry.sms.border_crossing",
    partition=0,
    partitions=2,
    catalogue=bytes(32),
    generation=0,
    created_ms=1,
    key_id="control-2026-11",
)


def refusal(value: bytes, kind: type[Message] | None = None) -> str:
    """Why `value` is refused."""
    with pytest.raises(EnvelopeError) as caught:
        decode_as(kind, value) if kind else decode(value)
    return caught.value.reason


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_files_are_the_constants(name: str) -> None:
    """What is published as a file is what core decodes by."""
    room = "public" if name in PUBLIC else "internal"
    path = FILES / room / f"{name}.v1.avsc"

    assert json.dumps(json.loads(path.read_text())) == json.dumps(SCHEMAS[name])


def test_every_schema_file_has_a_constant() -> None:
    """No schema of a message lies about that nobody decodes by."""
    internal = {p.name.split(".")[0] for p in (FILES / "internal").glob("*.avsc")}
    public = {p.name.split(".")[0] for p in (FILES / "public").glob("*.avsc")}

    assert internal >= set(INTERNAL)
    assert public >= set(PUBLIC)


@pytest.mark.parametrize("name", SCHEMAS)
def test_fingerprint_and_canonical_form_agree_with_fastavro(name: str) -> None:
    """Another implementation computes the same fingerprint."""
    text = text_of(SCHEMAS[name])
    form = fastavro.schema.to_parsing_canonical_form(json.loads(text))

    assert canonical(text) == form
    assert fingerprint(text).hex() == fastavro.schema.fingerprint(form, "CRC-64-AVRO")


@pytest.mark.parametrize("name", STRATEGIES)
def test_messages_come_back(name: str) -> None:
    """Every message decodes to what was encoded."""

    @given(STRATEGIES[name])
    def law(message: Message) -> None:
        assert decode_as(type(message), encode(message)) == message

    law()


@pytest.mark.parametrize("name", STRATEGIES)
def test_fastavro_reads_the_same_fields(name: str) -> None:
    """The encoding is Avro and nothing of our own."""
    schema = fastavro.parse_schema(dict(SCHEMAS[name]))

    @given(STRATEGIES[name])
    def law(message: Message) -> None:
        body = io.BytesIO(encode(message)[PREFIX_SIZE:])
        read: Any = fastavro.schemaless_reader(body, schema, None)
        if isinstance(message, Receipt):
            read["refused"] = [(one["reason"], one["rows"]) for one in read["refused"]]
        expected = asdict(message)
        for key, value in expected.items():
            if isinstance(value, tuple):
                expected[key] = list(value)
        assert read == expected
        assert body.read() == b""

    law()


@given(any_message, st.data())
def test_what_decodes_reencodes_to_the_same_bytes(
    message: Message, data: st.DataObject
) -> None:
    """Malleability: no two values mean the same message."""
    value = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(PREFIX_SIZE, max(len(value) - 1, PREFIX_SIZE)))
        value[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=3)
        )
    try:
        changed = decode_as(type(message), bytes(value))
    except EnvelopeError:
        return

    assert encode(changed) == bytes(value)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_an_envelope_error(value: bytes) -> None:
    """Nothing but EnvelopeError comes out of the decoder."""
    for prefix in (b"", encode(GENESIS)[:PREFIX_SIZE]):
        try:
            decode(prefix + value)
        except EnvelopeError:
            continue


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xc3\x01" + bytes(8),
        encode(GENESIS)[:-1],
        encode(GENESIS) + b"\0",
        b"\xc3\x02" + encode(GENESIS)[2:],
        encode(GENESIS)[:26] + b"\xff" * 12 + encode(GENESIS)[27:],
    ],
    ids=[
        "empty",
        "unknown fingerprint",
        "truncated",
        "trailing byte",
        "other mark",
        "endless varint",
    ],
)
def test_malformed_values_are_refused(value: bytes) -> None:
    """A value that is not exactly one message is malformed."""
    assert refusal(value) == Reason.MALFORMED


def test_inner_messages_are_no_kafka_values() -> None:
    """A header or a bare receipt never stands on a topic."""
    value = encode(Sections(sections=()))

    assert refusal(value) == Reason.MALFORMED
    assert decode_as(Sections, value) == Sections(sections=())


def test_a_message_over_its_bound_is_refused_before_it_is_read() -> None:
    """Size is checked first, on both sides."""
    value = encode(GENESIS)[:PREFIX_SIZE] + bytes(9000)

    assert refusal(value) == Reason.OVERSIZED
    with pytest.raises(EnvelopeError, match="topic") as caught:
        encode(replace(GENESIS, topic="t" * 250))
    assert caught.value.reason == Reason.OVERSIZED


def test_a_count_that_lies_allocates_nothing() -> None:
    """An array that claims more items than there are bytes is refused at once."""
    value = bytearray(encode(Sections(sections=()))[:PREFIX_SIZE])
    put_long(value, 60)

    assert refusal(bytes(value), Sections) == Reason.MALFORMED


def test_a_second_array_block_is_refused() -> None:
    """Avro allows many spellings of an array; one is accepted."""
    section = encode(Sections(sections=(Section(name="s", count=1, container=b""),)))
    doubled = section[:-1] + section[PREFIX_SIZE:]

    assert refusal(doubled, Sections) == Reason.MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        {"topic": ""},
        {"topic": "a\nb"},
        {"topic": "añ"},
        {"partition": -1},
        {"partitions": 0},
        {"partition": 2**31},
        {"log": b"short"},
        {"signature": b""},
        {"partition": True},
        {"topic": b"bytes"},
        {"created_ms": "1"},
    ],
)
def test_values_outside_their_bounds_are_not_encoded(change: dict[str, Any]) -> None:
    """The writer holds itself to what the reader will demand."""
    with pytest.raises(EnvelopeError):
        encode(replace(GENESIS, **change))


def test_a_block_that_covers_backwards_is_refused() -> None:
    """Coverage never runs from a later place to an earlier one."""
    header = BlockHeader(
        stage="intake",
        kind="rows",
        source=Source(topic="t", partition=0, log=bytes(16)),
        from_offset=5,
        from_row=1,
        to_offset=5,
        to_row=0,
        clock_ms=0,
        config=bytes(32),
        generation=0,
        key_id="k",
    )

    assert refusal(encode(header), BlockHeader) == Reason.MALFORMED


def test_signatures_hold_for_their_message_only() -> None:
    """A changed field, another key or another kind of message is refused."""
    signed = sign(GENESIS, KEY)
    verify(signed, KEY.public_key())
    config = Config(bundle=bytes(32), created_ms=1, key_id="control-2026-11")

    for wrong in (
        GENESIS,
        replace(signed, generation=1),
        replace(config, signature=signed.signature),
    ):
        with pytest.raises(EnvelopeError) as caught:
            verify(wrong, KEY.public_key())
        assert caught.value.reason == Reason.SIGNATURE
    with pytest.raises(EnvelopeError):
        verify(signed, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())


def test_signed_bytes_do_not_depend_on_the_signature() -> None:
    """What is signed is the message without its signature, under its own name."""
    signed = sign(GENESIS, KEY)

    assert signed_bytes(signed) == signed_bytes(GENESIS)
    assert signed_bytes(GENESIS).startswith(b"kerwen v1 sign Genesis\0")


def test_secrets_and_payloads_stay_out_of_repr() -> None:
    """A message that is logged shows no ciphertext."""
    block = Block(header=b"head", nonce=bytes(12), ciphertext=b"cipher")

    assert "cipher" not in repr(block)
