"""Redaction: words of ours pass, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.edge.files import read_catalogue
from hub.edge.redaction import GONE, Redactor, vocabulary


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """Knows the catalogue."""
    return Redactor(read_catalogue())


@pytest.mark.parametrize(
    "text",
    [
        "the group has lost this worker",
        "ministry.sms.border_crossing/0: no progress for 30 s",
        "kerwen_rows_total",
        "2026-11-22T10:00:00+0000 KafkaTimeoutError",
        "ConnectionRefusedError after offset 12345",
    ],
)
def test_what_helps_to_find_a_fault_stays(redactor: Redactor, text: str) -> None:
    """Stages, topics, offsets, errors, times."""
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "secret",
    [
        "Annagulyýewa",
        "Aýsoltan",
        "MEREDOW",
        "I-AŞ 123456",
        "12345678901",
        "1987-03-21",
        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v",
        "9f86d081884c7d659a2feaa0c55ad015",
        "meredow@example.org",
        "/home/meredow",
    ],
)
def test_identities_and_keys_do_not_pass(redactor: Redactor, secret: str) -> None:
    """Wherever they stand in a line."""
    said = redactor.text(f"no field {secret} in record")
    assert GONE in said
    assert secret not in said
    if "1987" not in secret:  # a date loses nothing but is no identity alone
        assert not any(
            part in said for part in secret.replace("-", " ").split() if len(part) > 7
        )


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüýşçABCDEF0123456789", min_size=8))
def test_a_word_that_is_not_ours_never_passes(word: str) -> None:
    """Whatever it is made of."""
    redactor = Redactor()
    if word.lower() in vocabulary() or word in vocabulary():
        return
    assert redactor.text(f"x {word} x") == f"x {GONE} x"


def test_values_of_all_depths_are_read(redactor: Redactor) -> None:
    """Lists and objects too."""
    value = {"error": ["Aýsoltan", {"offset": 7}]}
    assert redactor.value(value) == {"error": [GONE, {"offset": 7}]}


def test_names_of_fields_and_plain_numbers_are_read_as_well(redactor: Redactor) -> None:
    """A person as a key, a document as a number; what our own code measures stays."""
    value = {"Aýsoltan": 1, "Meredow": 2, "position": 12345678901, "lag": True}

    assert redactor.value(value) == {
        GONE: 1,
        f"{GONE}{GONE}": 2,
        "position": GONE,
        "lag": True,
    }
    assert redactor.value({"offset": 12345678901.5, "end": -99_999}) == {
        "offset": GONE,
        "end": -99_999,
    }
    measured = redactor.value(
        [{"position": 12345678901, "end": "Meredow"}], {"position"}
    )
    assert measured == [{"position": 12345678901, "end": GONE}]
