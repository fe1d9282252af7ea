"""Mappings: what they say, and what they refuse with file, line, column and mend."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError
from hub.publisher import mapping as mappings
from hub.publisher.sources import csv

REMITTANCE = """
dataflow = "remittance"
delimiter = ";"
nulls = ["-", "NULL"]
ignore = ["примечание"]
record_id = ["банк", "месяц", "страна"]

[fields.kind]
constant = "VOLUME"
[fields.period_month]
column = "месяц"
[fields.institution_code]
column = "банк"
[fields.corridor_country]
column = "страна"
values = { "Турция" = "TUR", "Россия" = "RUS" }
[fields.direction]
constant = "RECEIVED"
[fields.channel]
constant = "BANK"
[fields.person_sex]
column = "пол"
values = { "м" = "M", "ж" = "F" }
otherwise = "_OUN"
default = "_OUN"
[fields.transfers]
column = "число"
[fields.amount_usd]
column = "сумма"
decimals = 2
"""
HEADER = "банк;месяц;страна;пол;число;сумма;примечание\n"


def load(catalogue: Catalogue, text: str, dataflow: str = "remittance") -> Any:
    """A mapping of a dataflow."""
    return mappings.load(text, "m.toml", catalogue.dataflows[dataflow])


def read(path: Path, catalogue: Catalogue, body: str) -> Any:
    """The one chunk of a remittance file."""
    path.write_text(HEADER + body, "utf-8")
    reading = csv.read(
        path, catalogue.dataflows["remittance"], load(catalogue, REMITTANCE)
    )
    return next(reading.chunks)


def test_columns_become_fields(tmp_path: Path, catalogue: Catalogue) -> None:
    """Constants, value maps, defaults, joined ids and decimals do what they say."""
    chunk = read(
        tmp_path / "a.csv",
        catalogue,
        "TDDB;2025-03;Турция;ж;12;1 234,5;x\n".replace(" ", "")
        + "TDDB;2025-03;Китай;?;-;;\nTDDB;2025-03;Россия;;1;7;\n",
    )

    frame = chunk.frame
    assert frame["record_id"].to_list()[0] == "TDDB/2025-03/Турция"
    # A value outside the map passes through: the hub quarantines it, nobody guesses.
    assert frame["corridor_country"].to_list() == ["TUR", "Китай", "RUS"]
    assert frame["person_sex"].to_list() == ["F", "_OUN", "_OUN"]
    assert frame["transfers"].to_list() == [12, None, 1]
    assert frame["amount_usd"].to_list() == [123450, None, 700]
    assert frame["kind"].to_list() == ["VOLUME"] * 3
    assert frame["revision"].null_count() == 3


def test_unreadable_values_refuse_their_row(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """Each is named by row, column, what and mend; the value is not repeated."""
    chunk = read(
        tmp_path / "a.csv",
        catalogue,
        "TDDB;2025-03;Турция;ж;12;1.005;\nTDDB;2025-03;Турция;ж;many;12.50;\n"
        "TDDB;2025-03;Турция;ж;3;12.500;\n",
    )

    assert chunk.frame["amount_usd"].to_list() == [1250]
    assert [(one.row, one.column) for one in chunk.rejected] == [
        (2, "сумма"),
        (3, "число"),
    ]
    assert "many" not in str(chunk.rejected)
    assert all(one.mend for one in chunk.rejected)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('dataflow = "remittance"', "dataflow = remittance", "not TOML.*line 2"),
        ('dataflow = "remittance"', 'dataflow = "x"', "line 2: dataflow is not"),
        ("[fields.kind]", "[fields.kinds]", "line 8: kinds is not a field"),
        ('constant = "VOLUME"', "", "line 8: kind needs either column or constant"),
        ("decimals = 2", "decimals = 9", "line 28: amount_usd decimals must lie"),
        ("decimals = 2", "deicmals = 2", "deicmals is not a key here"),
        ('delimiter = ";"', 'delimiter = ";;"', "line 3: delimiter must be one"),
        ('column = "банк"\n', 'column = "банк"\nunparseable = "empty"\n', "falsify"),
        ('ignore = ["примечание"]', "ignore = 3", "line 5: ignore must be a list"),
        ("[fields.direction]\n", "[fields.fee_usd]\n", "add .fields.direction."),
    ],
)
def test_a_wrong_mapping_is_refused(
    catalogue: Catalogue, old: str, new: str, said: str
) -> None:
    """File, line, key and expectation are in the text."""
    assert old in REMITTANCE
    with pytest.raises(InvalidError, match=said) as caught:
        load(catalogue, REMITTANCE.replace(old, new))
    assert str(caught.value).startswith("m.toml: ")


def test_columns_must_be_known(tmp_path: Path, catalogue: Catalogue) -> None:
    """A column the mapping asks for and one it does not know are both named."""
    path = tmp_path / "a.csv"
    flow = catalogue.dataflows["remittance"]
    known = load(catalogue, REMITTANCE)

    path.write_text(HEADER.replace("пол", "sex") + "a;b;c;d;e;f;g\n", "utf-8")
    with pytest.raises(InvalidError, match=r"column пол is missing.*m\.toml asks"):
        csv.read(path, flow, known)
    path.write_text(HEADER.replace("\n", ";new\n") + "a;b;c;d;e;f;g;h\n", "utf-8")
    with pytest.raises(InvalidError, match=r'ignore = \["new"\]'):
        csv.read(path, flow, known)


def test_the_febrl_example_reads_a_febrl_file(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """Blanks after commas, missing names and days that do not exist are no obstacle."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "febrl.toml"
    flow = catalogue.dataflows["residence_permit"]
    path = tmp_path / "febrl.csv"
    path.write_text(
        "rec_id, given_name, surname, street_number, address_1, address_2, suburb, "
        "postcode, state, date_of_birth, soc_sec_id\n"
        "rec-1070-org, michaela, neumann, 8, stanley street, miami, winston hills, "
        "4223, nsw, 19151111, 5304218\n"
        "rec-1016-dup-0, , painter, 12, pinkerton circuit, bega flats, , 4560, vic, "
        "19161332, 4066625\n"
    )
    known = mappings.load(example.read_text("utf-8"), "febrl.toml", flow)

    chunk = next(csv.read(path, flow, known).chunks)

    assert chunk.frame["record_id"].to_list() == ["rec-1070-org", "rec-1016-dup-0"]
    assert chunk.frame["birth_date"].to_list() == [dt.date(1915, 11, 11), None]
    assert chunk.frame["given_name"].to_list() == ["michaela", "UNKNOWN"]
    assert chunk.emptied == (("birth_date", 1),)
    assert chunk.rejected == ()
