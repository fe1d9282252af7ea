"""What a publication says: every row has a place, and quiet counts are not said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.cli import publish
from hub.cli.ministry import some
from hub.publisher.summary import Source, Summary

ONE = Summary(
    dataflow="residence_permit",
    name="permits.csv",
    quiet=False,
    published=1_010,
    accepted=1_000,
    quarantined={"code": 3, "date": 7},
    batches=1,
    source=Source(rejected=1, rejected_file=Path("permits.csv.rejected.csv")),
)


def test_the_line_says_where_every_row_went() -> None:
    """Published, accepted, quarantined by reason, rejected at the source."""
    said = publish._text(ONE)
    assert "1,010 rows in 1 batch, 1,000 accepted" in said
    assert "10 quarantined (date 7, code 3)" in said
    assert "1 row rejected at the source" in said
    assert "duplicates" not in said


def test_a_quiet_dataflow_shows_no_number() -> None:
    """The count of a day is itself a secret, in the line and in the object."""
    quiet = replace(ONE, quiet=True, name="cases.csv")
    assert not any(letter.isdigit() for letter in publish._text(quiet))
    content = publish._content(quiet) | publish._total([ONE, quiet])
    assert not any(type(value) in (int, float) for value in content.values())


def test_totals_add_up() -> None:
    """The object of several files is their sum."""
    total = publish._total([ONE, ONE])
    parts = (total["accepted"], total["duplicates"], total["quarantined"])
    assert total["published"] == sum(parts) == 2_020
    assert total["reasons"] == {"code": 6, "date": 14}


@pytest.mark.parametrize(
    ("number", "word", "text"),
    [(1, "row", "1 row"), (2_000, "row", "2,000 rows"), (0, "batch", "0 batches")],
)
def test_numbers_agree_with_their_words(number: int, word: str, text: str) -> None:
    """One row, two rows."""
    assert text == some(number, word)
