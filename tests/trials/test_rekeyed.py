"""Other pseudonym secrets, the same figures: what re-keying rests on."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hub.core.identity.pseudonyms import pseudonymise
from hub.core.messages import Close
from hub.edge.files import read_catalogue
from hub.trials import recount
from hub.trials.sample.write import write
from tests.trials import years

PERSONS = 150


def cells(folder: Path, salt: bytes, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """True cells of the sample's year, its records under one set of secrets."""
    catalogue = read_catalogue()
    close = Close(
        marker=bytes(16),
        vintage="P",
        tables=tuple(one.id for one in catalogue.tables.values() if not one.internal),
        period="2025",
        created_ms=0,
        key_id="control-1",
    )
    with monkeypatch.context() as patch:
        patch.setattr(
            "tests.trials.years.pseudonymise",
            lambda rows, flow, linkage, secret: pseudonymise(
                rows, flow, linkage, (salt + secret)[:32]
            ),
        )
        active = years.active(folder, catalogue)
    return recount.expected(catalogue, active, close).sort(recount.NAMES)


def test_every_count_is_the_same_under_other_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is one person, what is one record, does not hang on the secret."""
    write(tmp_path, read_catalogue(), persons=PERSONS, seed=5)

    first = cells(tmp_path, b"first", monkeypatch)
    second = cells(tmp_path, b"second", monkeypatch)

    counted = [*recount.NAMES, "n", "total", "persons"]
    assert first.height > 2_000
    assert_frame_equal(first.select(counted), second.select(counted))
    assert not (first["key"] == second["key"]).any()
