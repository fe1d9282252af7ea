"""Observations and manifests: framing, digest, signature, refusals."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import replace
from typing import Any

import fastavro
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.core import observation
from hub.core.errors import EnvelopeError
from hub.core.observation import Codec, Observation, Vintage
from hub.edge.files import read_catalogue
from tests.core import example

EVT = example.catalogue().tables["EVT"]
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
CODES = st.sampled_from(["_T", "KZ", "ENTRY", "Y0T4"])
OBSERVATIONS = st.builds(
    Observation,
    table=st.just("EVT"),
    frequency=st.just("M"),
    area=st.sampled_from(["TM", "TM-A"]),
    sex=st.sampled_from(["F", "M", "_OUN", "_T"]),
    dimensions=st.tuples(CODES, CODES),
    period=st.sampled_from(["2025-01", "2025-12"]),
    value=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    status=st.sampled_from("OQPA"),
    conf=st.sampled_from("FAD"),
    unit=st.just("NUMBER"),
    vintage=st.sampled_from("PRF"),
    release=st.just("6d" * 16),
    released_ms=st.integers(0, 2**60),
    residence_rule=st.sampled_from([None, "R12"]),
)
VINTAGE = Vintage(
    table="EVT",
    vintage="P",
    marker=b"m" * 16,
    period="2025",
    catalogue=bytes(32),
    observations=3,
    digest=b"d" * 32,
    released_ms=7,
    key_id="release-1",
)


@given(OBSERVATIONS)
def test_codec_round_trip(one: Observation) -> None:
    """What is encoded decodes to itself."""
    codec = Codec(EVT)

    assert codec.decode(codec.encode(one)) == one


@given(OBSERVATIONS)
def test_any_avro_client_reads_it(one: Observation) -> None:
    """Framing is 0, schema id, Avro body by the table's own data structure."""
    value = Codec(EVT).encode(one)
    zero, number = struct.unpack(">bI", value[:5])
    schema = json.loads(observation.schema(EVT))
    row: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)

    assert (zero, number) == (0, observation.schema_id(EVT))
    assert row["DIRECTION"] == one.dimensions[0]
    assert row["CITIZENSHIP_G"] == one.dimensions[1]
    assert row["OBS_VALUE"] == one.value


@given(st.lists(OBSERVATIONS, max_size=6), st.randoms(use_true_random=False))
def test_digest_knows_no_order(found: list[Observation], random: Any) -> None:
    """The digest is of the set of lines, and of every field in them."""
    mixed = list(found)
    random.shuffle(mixed)

    assert observation.digest(mixed) == observation.digest(found)
    for at, one in enumerate(found):
        changed = replace(one, conf="D" if one.conf != "D" else "F")
        others = [*found[:at], changed, *found[at + 1 :]]
        assert observation.digest(others) != observation.digest(found)


def test_lines_are_stable() -> None:
    """The canonical line is a contract with every reader."""
    one = Observation(
        table="EVT",
        frequency="M",
        area="TM",
        sex="F",
        dimensions=("ENTRY", "_T"),
        period="2025-02",
        value=1234.5,
        status="P",
        conf="F",
        unit="NUMBER",
        vintage="P",
        release="6d6d",
        released_ms=1,
    )

    assert (
        observation.line(one) == "EVT|M.TM.F.ENTRY._T|2025-02|1234.5|P|F|NUMBER|P|6d6d"
    )
    hidden = replace(one, value=None, status="Q", conf="A")
    assert observation.line(hidden) == "EVT|M.TM.F.ENTRY._T|2025-02||Q|A|NUMBER|P|6d6d"


def test_schema_ids_differ_and_are_positive() -> None:
    """Every table of the catalogue has its own number, a Java int above zero."""
    tables = read_catalogue().tables.values()
    numbers = {observation.schema_id(table) for table in tables}

    assert len(numbers) == len(tables)
    assert all(0 < number < 2**31 for number in numbers)


@pytest.mark.parametrize("cut", [0, 4, 5, 12])
def test_cut_observations_are_refused(cut: int) -> None:
    """Another frame, or too few bytes, is an error with a reason."""
    one = Observation(
        table="EVT",
        frequency="M",
        area="TM",
        sex="F",
        dimensions=("ENTRY", "_T"),
        period="2025-02",
        value=1.0,
        status="P",
        conf="F",
        unit="NUMBER",
        vintage="P",
        release="6d6d",
        released_ms=1,
    )
    codec = Codec(EVT)

    with pytest.raises(EnvelopeError):
        codec.decode(codec.encode(one)[:cut])
    with pytest.raises(EnvelopeError, match="not an observation"):
        Codec(example.catalogue().tables["STK"]).decode(codec.encode(one))


def test_manifest_round_trip_and_signature() -> None:
    """A signed manifest decodes, verifies, and breaks with any change."""
    signed = observation.sign(VINTAGE, KEY)
    found = observation.decode(observation.encode(signed))

    assert found == signed
    observation.verify(found, KEY.public_key())
    with pytest.raises(EnvelopeError, match="not signed"):
        observation.verify(replace(found, observations=4), KEY.public_key())


@pytest.mark.parametrize("value", [b"", b"\xc3\x01" + bytes(80)])
def test_other_bytes_are_no_manifest(value: bytes) -> None:
    """Only the registered schema is read."""
    with pytest.raises(EnvelopeError, match="not a manifest"):
        observation.decode(value)


@given(st.integers(0, 200), st.binary(max_size=3))
def test_spoiled_manifests_are_refused(cut: int, more: bytes) -> None:
    """Cut or followed by other bytes, a manifest does not decode."""
    value = observation.encode(observation.sign(VINTAGE, KEY))
    spoiled = value[: min(cut, len(value) - 1)] if not more else value + more

    with pytest.raises(EnvelopeError):
        observation.decode(spoiled)
