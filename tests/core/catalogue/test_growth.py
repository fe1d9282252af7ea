"""From one catalogue to the next: what may change and what may not."""

from __future__ import annotations

import json

import pytest

from hub.core.catalogue.growth import breaks
from hub.core.catalogue.load import load
from hub.core.catalogue.model import Catalogue
from hub.edge.files import catalogue_folder, read_catalogue, read_files, read_schemas

FOOT = '\nFOOT = { en = "On foot", ru = "Пешком", tk = "Pyýada" }\n'


@pytest.fixture(scope="module")
def old() -> Catalogue:
    """The catalogue of this repository."""
    return read_catalogue()


def changed(path: str, before: str, after: str) -> Catalogue:
    """The catalogue with one text replaced in one file."""
    files = read_files(catalogue_folder())
    text = files[path].decode()
    assert before in text, "the test no longer fits the catalogue"
    files[path] = text.replace(before, after, 1).encode()
    return load(files, read_schemas())


def reschemed(name: str, field: str, **change: object) -> Catalogue:
    """The catalogue with one field of a schema changed or, if new, appended."""
    schemas = read_schemas()
    parsed = json.loads(schemas[name])
    names = [item["name"] for item in parsed["fields"]]
    if field in names:
        parsed["fields"][names.index(field)] |= change
    else:
        parsed["fields"].append({**parsed["fields"][-1], "name": field, **change})
    schemas[name] = json.dumps(parsed)
    return load(read_files(catalogue_folder()), schemas)


def test_nothing_breaks_against_itself(old: Catalogue) -> None:
    """The same catalogue may replace itself."""
    assert breaks(old, old) == []


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("tables/XNG_EVT.toml", "Entries and exits", "All entries and exits"),
        ("tables/XNG_EVT.toml", '["GCM 11"', '["GCM 23", "GCM 11"'),
        ("codelists/transport.toml", '"Air"', '"By air"'),
        ("providers/moh.toml", '["service', '["denominator", "service'),
    ],
)
def test_texts_and_agreements_are_free(
    old: Catalogue, path: str, before: str, after: str
) -> None:
    """Wording, references and agreements change at will."""
    assert breaks(old, changed(path, before, after)) == []


def test_a_code_may_be_appended(old: Catalogue) -> None:
    """A new last code breaks nothing."""
    files = read_files(catalogue_folder())
    files["codelists/transport.toml"] += FOOT.encode()
    assert breaks(old, load(files, read_schemas())) == []


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("codelists/transport.toml", "SEA =", "SHIP =", "code SEA removed"),
        ("codelists/transport.toml", "[codes]\n", f"[codes]{FOOT}", "codes moved"),
        ("codelists/isic4.toml", 'ISIC4_F = "CON"', 'ISIC4_F = "IND"',
         "ISIC4_F moved from CL_ACTIVITY_G CON to IND"),
        ("providers/sms.toml", "/SMS/", "/SMSX/", "member was TM/GOV/SMS/HUB"),
        ("tables/STK_RATE.toml", "scale = 1000", "scale = 100", "scale changed"),
        ("tables/XNG_EVT.toml", '"E"', '"C"', "policy changed"),
    ],
)  # fmt: skip
def test_what_series_rest_on_stays(
    old: Catalogue, path: str, before: str, after: str, expected: str
) -> None:
    """Codes, groups, ids and definitions of series are kept."""
    found = breaks(old, changed(path, before, after))
    assert [expected in one for one in found] == [True]


def test_a_removed_table_is_told(old: Catalogue) -> None:
    """Its series still stand in earlier releases."""
    files = read_files(catalogue_folder())
    del files["tables/CHD_UASC.toml"]
    found = breaks(old, load(files, read_schemas()))
    assert found == ["tables/CHD_UASC: removed; rows and series still name it"]


def test_fields_keep_their_meaning(old: Catalogue) -> None:
    """Another role is a breach, a new optional field is not, a required one is."""
    name = "passenger_flow.v1"
    assert breaks(old, reschemed(name, "note", required=False)) == []
    role = breaks(old, reschemed(name, "carrier", role="dimension"))
    assert role == [
        "dataflows/passenger_flow: field carrier removed or changed; keep it"
    ]
    new = breaks(old, reschemed(name, "note", required=True))
    assert new == [
        "dataflows/passenger_flow: new field note is required; old rows lack it"
    ]
