"""Files of figures and their proofs: any change of one byte is found and named."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.client import tablefiles
from hub.core import observation, proof
from hub.core.errors import InvalidError
from hub.core.keys import HUB, Key, KeyRegistry, Use
from hub.core.observation import Observation, Vintage
from hub.core.proof import Proof
from tests.core import example

CATALOGUE = example.catalogue()
EVT = CATALOGUE.tables["EVT"]
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
USES: tuple[Use, ...] = ("release", "control")
REGISTRY = KeyRegistry(
    keys={
        f"{use}-1": Key(
            key_id=f"{use}-1",
            use=use,
            member=HUB,
            public=KEY.public_key().public_bytes_raw(),
        )
        for use in USES
    }
)
MARKER = b"m" * 16
FOUND = [
    Observation(
        table="EVT",
        frequency="M",
        area="TM",
        sex=sex,
        dimensions=("ENTRY", "_T"),
        period=period,
        value=value,
        status="Q" if value is None else "P",
        conf="A" if value is None else "F",
        unit="NUMBER",
        vintage="P",
        release=MARKER.hex(),
        released_ms=1_767_225_600_000,
        residence_rule="R12",
    )
    for period in ("2025-01", "2025-02")
    for sex, value in (("F", 1234.0), ("M", 1300.5), ("_OUN", None), ("_T", 2534.5))
]


def manifest(found: list[Observation], **changed: object) -> Vintage:
    """The signed manifest of some figures."""
    plain = Vintage(
        table="EVT",
        vintage="P",
        marker=MARKER,
        period="2025",
        catalogue=bytes(32),
        observations=len(found),
        digest=observation.digest(found),
        released_ms=1_767_225_600_000,
        key_id="release-1",
    )
    return observation.sign(replace(plain, **changed), KEY)  # type: ignore[arg-type]


PROOF = proof.of([manifest(FOUND)], FOUND)


def content(shape: str) -> bytes:
    """The figures as a file."""
    stream = io.StringIO(newline="")
    tablefiles.write(stream, shape, [EVT], FOUND)
    return stream.getvalue().encode()


def judged(folder: Path, shape: str, written: bytes, held: Proof = PROOF) -> list[str]:
    """What is found in a file: kinds with columns, or that it cannot be read."""
    path = folder / f"figures.{shape}"
    path.write_bytes(written)
    try:
        figures = list(tablefiles.read(path, CATALOGUE))
    except InvalidError:
        return ["unreadable"]
    return [f"{f.kind} {f.field}".strip() for f in proof.check(held, figures, REGISTRY)]


@pytest.mark.parametrize("shape", ["jsonl", "csv"])
def test_what_was_written_is_verified(tmp_path: Path, shape: str) -> None:
    """The figures come back, and the proof through its text, without a finding."""
    held = proof.loads(proof.dumps(PROOF))

    assert held == PROOF
    assert judged(tmp_path, shape, content(shape), held) == []
    assert list(tablefiles.read(tmp_path / f"figures.{shape}", CATALOGUE)) == FOUND


@pytest.mark.parametrize("shape", ["jsonl", "csv"])
@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_changed_is_found(
    tmp_path: Path, shape: str, data: st.DataObject
) -> None:
    """One byte changed anywhere: a finding, no file at all, or the same figures."""
    whole = content(shape)
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != whole[at]))
    said = judged(tmp_path, shape, whole[:at] + bytes([byte]) + whole[at + 1 :])

    if not said:
        # A blank for a blank, 1234.0 for 1234.00: another spelling of the same.
        read = list(tablefiles.read(tmp_path / f"figures.{shape}", CATALOGUE))
        assert read == FOUND


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"1234.0", b"1235.0", ["changed OBS_VALUE"]),
        (b'"Q"', b'"O"', ["changed OBS_STATUS"]),
        (b'"A"', b'"D"', ["changed CONF_STATUS"]),
        (b'"VINTAGE": "P"', b'"VINTAGE": "F"', ["changed VINTAGE"]),
        (b"NUMBER", b"NUMBRE", ["changed UNIT_MEASURE"]),
        (b"R12", b"R6P1", ["changed RESIDENCE_RULE"]),
        (b"1767225600000", b"1767225600001", ["changed RELEASED_MS"]),
        (b'"2025-01"', b'"2025-03"', ["extra", "missing"]),
    ],
)
def test_what_was_changed_is_named(
    tmp_path: Path, old: bytes, new: bytes, said: list[str]
) -> None:
    """The column is named, or the figure that should not be there."""
    assert judged(tmp_path, "jsonl", content("jsonl").replace(old, new, 1)) == said


def test_missing_and_doubled_lines_are_named(tmp_path: Path) -> None:
    """A line less, a line twice."""
    lines = content("jsonl").splitlines(keepends=True)

    assert judged(tmp_path, "jsonl", b"".join(lines[1:])) == ["missing"]
    assert judged(tmp_path, "jsonl", b"".join([*lines, lines[0]])) == ["twice"]
    assert judged(tmp_path, "jsonl", b"") == ["missing"] * len(FOUND)


def test_a_proof_cannot_be_made_to_fit(tmp_path: Path) -> None:
    """Other leaves, another manifest, another key, a withdrawal: all are said."""
    forged = [replace(FOUND[0], value=9.0), *FOUND[1:]]
    whole = content("jsonl").replace(b"1234.0", b"9.0", 1)
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    own = proof.of([observation.sign(manifest(forged), stranger)], forged)
    words = {"action": "withdraw", "reason": "a wrong file", "observations": 0}
    taken = manifest(FOUND, **words, key_id="control-1")
    published = manifest(FOUND, **words)  # by the key that may only publish

    leaves = proof.of([manifest(FOUND)], forged)
    assert judged(tmp_path, "jsonl", whole, leaves) == ["list"]
    assert judged(tmp_path, "jsonl", whole, own) == ["signature", "extra"]
    both = Proof(manifests=(*PROOF.manifests, taken), leaves=PROOF.leaves)
    assert judged(tmp_path, "jsonl", content("jsonl"), both) == ["withdrawn"]
    both = Proof(manifests=(*PROOF.manifests, published), leaves=PROOF.leaves)
    assert judged(tmp_path, "jsonl", content("jsonl"), both) == ["signature"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.jsonl", "{}\n", "line 1: TABLE: names no table"),
        ("a.jsonl", "[" * 100_000, "line 1: not a JSON object"),
        ("a.jsonl", '{"TABLE": "EVT", "TABLE": "EVT"}\n', "line 1: not a JSON object"),
        ("a.csv", "TABLE,TABLE\nEVT,EVT\n", "line 1: a column stands twice"),
        ("a.csv", "TABLE,FREQ\nEVT\n", "line 2: 2 columns expected"),
        (
            "a.csv",
            "TABLE,FREQ\nEVT,M\n",
            "line 2: CITIZENSHIP_G: the column is missing",
        ),
        ("a.txt", "", "ends in .jsonl or .csv"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, text: str, why: str) -> None:
    """The line and what is wrong there."""
    path = tmp_path / name
    path.write_text(text, "utf-8")

    with pytest.raises(InvalidError, match=why):
        list(tablefiles.read(path, CATALOGUE))


@pytest.mark.parametrize("text", ["", "[]", '{"form": "x"}', '{"form": 1}', "null"])
def test_bad_proofs_are_refused(text: str) -> None:
    """Not a proof: one sentence, whatever it is."""
    with pytest.raises(InvalidError, match="proof"):
        proof.loads(text)
