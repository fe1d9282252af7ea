"""The catalogue that ships: complete, and read as the files say."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from hub.core import codelists
from hub.core.catalogue.load import load
from hub.core.catalogue.model import Catalogue, Domain, Kind, Measure, Text
from hub.core.reasons import Reason
from hub.edge.files import catalogue_folder, read_catalogue, read_files, read_schemas


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of this repository."""
    return read_catalogue()


def test_digest_ignores_comments_and_spaces() -> None:
    """What a file says counts, how it is written does not."""
    files, schemas = read_files(catalogue_folder()), read_schemas()
    before = load(files, schemas).digest
    path = "codelists/transport.toml"
    files[path] = b"# a comment\n\n" + files[path]
    name = "border_crossing.v1"
    schemas[name] = re.sub(r"\n\s*", " ", schemas[name])
    assert before == load(files, schemas).digest
    assert len(before) == 32


def test_digest_follows_content_and_order() -> None:
    """A changed label and a moved code are both another catalogue."""
    files, schemas = read_files(catalogue_folder()), read_schemas()
    path = "codelists/transport.toml"
    lines = files[path].decode().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("AIR"))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    moved = files | {path: "\n".join(lines).encode()}
    renamed = files | {path: files[path].replace(b'"Air"', b'"By air"')}
    digests = {load(one, schemas).digest for one in (files, moved, renamed)}
    assert len(digests) == 3


def test_a_schema_nobody_names_is_no_part_of_the_catalogue() -> None:
    """Other files in the schema folder change nothing."""
    files, schemas = read_files(catalogue_folder()), read_schemas()
    more = schemas | {"stray.v1": "{}"}
    assert load(files, schemas).digest == load(files, more).digest


def test_every_text_stands_in_three_scripts(catalogue: Catalogue) -> None:
    """Russian is Cyrillic, Turkmen and English are Latin; none is empty."""
    cyrillic = re.compile("[а-яё]", re.IGNORECASE)
    odd = [
        text
        for text in _texts(catalogue)
        if cyrillic.search(text.en + text.tk) or not text.ru.strip()
    ]
    assert odd == []


def test_turkmen_uses_its_own_letters_only(catalogue: Catalogue) -> None:
    """Turkmen Latin has no c, q, v or x, except in names, codes and units."""
    foreign = re.compile(r"\b[a-zäçžňöşüý]*[cqvx][a-zäçžňöşüý]*\b")
    found = {w for text in _texts(catalogue) for w in foreign.findall(text.tk)}
    assert set() == found


def test_every_country_has_one_group(catalogue: Catalogue) -> None:
    """249 countries and two codes for none; each in exactly one published group."""
    countries = catalogue.codelists["CL_COUNTRY"]
    groups = countries.groups["CL_COUNTRY_G"]
    assert len(countries.codes) == 251
    assert set(countries.codes) == set(groups)
    assert set(catalogue.codelists["CL_COUNTRY_G"].codes) == set(groups.values())
    assert {code: groups[code] for code in ("AFG", "TKM", "KGZ", "XXA", "XXX")} == {
        "AFG": "AF",
        "TKM": "TM",
        "KGZ": "CIS_OTH",
        "XXA": "STLS",
        "XXX": "_U",
    }


def test_reasons_are_those_of_the_code(catalogue: Catalogue) -> None:
    """Every reason has a text and a hint, in the order of the enum."""
    reasons = catalogue.codelists["CL_REASONS"]
    assert [reason.value for reason in Reason] == list(reasons.codes)
    assert set(reasons.codes) == set(reasons.hints)


def test_members_read_and_provide(catalogue: Catalogue) -> None:
    """Ten government bodies, ten UN members and an association."""
    classes = [m.member.split("/")[1] for m in catalogue.members.values()]
    assert (classes.count("GOV"), classes.count("UN")) == (10, 10)
    assert catalogue.members["sms"].member == "TM/GOV/SMS/HUB"
    assert "border_crossing" in catalogue.members["sms"].provides
    assert not any(m.provides for m in catalogue.members.values() if "/UN/" in m.member)


def test_every_dataflow_has_a_provider(catalogue: Catalogue) -> None:
    """A dataflow nobody provides would be declared for nothing."""
    provided = {name for m in catalogue.members.values() for name in m.provides}
    flows = {flow.id for flow in catalogue.dataflows.values() if not flow.reserved}
    assert flows == provided


def test_codes_of_a_dimension_end_with_the_total(catalogue: Catalogue) -> None:
    """What a table can show has a label, unknown and total included."""
    for table in catalogue.tables.values():
        for dimension in table.dimensions:
            shown = codelists.published(catalogue, dimension)
            assert list(shown)[-1] == "_T"
            assert dimension.other in shown
            reached = codelists.reached(catalogue, table, dimension)
            assert set(reached) <= set(shown)


def test_money_is_published_in_major_units(catalogue: Catalogue) -> None:
    """A table in US dollars divides the cents of its source."""
    for table in catalogue.tables.values():
        if table.unit == "USD" and table.dataflow:
            flow = catalogue.dataflows[table.dataflow]
            kinds = {field.name: field.kind for field in flow.fields}
            money = kinds[str(table.value)] is Kind.MONEY
            assert (100 if money else 1) == table.divisor


def test_cost_of_a_remittance_is_per_cent_of_two_hundred(catalogue: Catalogue) -> None:
    """A fee of 5 dollars and a margin of 1 % on 200 dollars cost 3.5 %."""
    table = catalogue.tables["REM_COST"]
    weights = dict(table.value_parts)
    figure = weights["fee_usd"] * 500 + weights["fx_margin_bp"] * 100
    assert pytest.approx(3.5) == figure * table.scale / table.divisor


def test_no_table_shows_persons_of_quiet_domains_without_policy_t(
    catalogue: Catalogue,
) -> None:
    """Counts of trafficking, health, family and consular cases are under T."""
    for table in catalogue.tables.values():
        if table.dataflow is not None:
            domain = catalogue.dataflows[table.dataflow].domain
            if domain not in {Domain.MOBILITY, Domain.NONE}:
                assert table.policy == "T"


def test_published_tables_carry_all_metadata(catalogue: Catalogue) -> None:
    """21 ESMS concepts and at least one reference each."""
    for table in catalogue.tables.values():
        assert len(table.esms) == 21
        assert table.internal or table.references


def test_stocks_have_a_start_and_an_end(catalogue: Catalogue) -> None:
    """A stock without an end would only grow."""
    for table in catalogue.tables.values():
        if table.measure is Measure.STOCK:
            assert table.time
            assert table.until


def _texts(catalogue: Catalogue) -> list[Text]:
    """Every text of the catalogue."""
    found: list[Text] = []
    things: list[object] = [
        *catalogue.codelists.values(),
        *catalogue.dataflows.values(),
        *catalogue.members.values(),
        *catalogue.tables.values(),
        *catalogue.policies.values(),
    ]
    for thing in things:
        for field in fields(thing):  # type: ignore[arg-type] # all are dataclasses
            value = getattr(thing, field.name)
            parts = value.values() if isinstance(value, dict) else [value]
            found += [part for part in parts if isinstance(part, Text)]
            if field.name == "rules":
                found += [rule.text for rule in value]
    return found
