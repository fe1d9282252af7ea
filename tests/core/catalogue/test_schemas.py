"""Provider schemas and the row schemas derived from them."""

from __future__ import annotations

import json
from io import BytesIO

import fastavro
import pytest

from hub.core.catalogue import schemas
from hub.core.catalogue.model import Catalogue, Domain, Role
from hub.edge.files import read_catalogue, read_schemas

IDENTIFIERS = {
    "personal_no",
    "doc_state",
    "doc_no",
    "family_name",
    "given_name",
    "patronymic",
    "birth_date",
    "case_ref",
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of this repository."""
    return read_catalogue()


def names(text: str) -> list[str]:
    """Field names of a schema text."""
    return [field["name"] for field in json.loads(text)["fields"]]


def test_registered_text_is_canonical_and_stable(catalogue: Catalogue) -> None:
    """Without spaces, keys as in the file, and a fixed point of itself."""
    files = read_schemas()
    for flow in catalogue.dataflows.values():
        assert schemas.canonical(files[f"{flow.id}.v1"]) == flow.schema
        assert schemas.canonical(flow.schema) == flow.schema
        assert '", "' not in flow.schema


def test_every_schema_is_avro_and_takes_an_empty_row(catalogue: Catalogue) -> None:
    """Fastavro reads each schema and writes a row of nulls."""
    for flow in catalogue.dataflows.values():
        texts = (flow.schema, schemas.records_schema(flow), schemas.facts_schema(flow))
        for text in texts:
            parsed = fastavro.parse_schema(json.loads(text))
            fastavro.schemaless_writer(BytesIO(), parsed, {})


def test_no_identifier_goes_on_after_intake(catalogue: Catalogue) -> None:
    """Derived schemas have no identifier, and a birth year at most."""
    for flow in catalogue.dataflows.values():
        for text in (schemas.records_schema(flow), schemas.facts_schema(flow)):
            assert set() == set(names(text)) & IDENTIFIERS
        roles = {field.role for field in schemas.attributes(flow)}
        assert Role.IDENTIFIER not in roles


def test_birth_date_becomes_its_year_in_place(catalogue: Catalogue) -> None:
    """The year stands where the date stood, before sex."""
    for flow in catalogue.dataflows.values():
        if flow.person == "P":
            found = [field.name for field in schemas.attributes(flow)]
            assert found[:4] == ["birth_year", "sex", "sex_source", "citizenship"]


def test_derived_attributes_come_last_and_only_inside(catalogue: Catalogue) -> None:
    """Months of cost are computed at intake; the provider never sends them."""
    flow = catalogue.dataflows["labour_migration"]
    assert "cost_months" not in names(flow.schema)
    assert names(schemas.records_schema(flow))[-1] == "cost_months"
    assert names(schemas.facts_schema(flow))[-1] == "cost_months"


def test_row_schemas_begin_with_origin_and_keys(catalogue: Catalogue) -> None:
    """Columns of the two arrows, in the order every stage relies on."""
    flow = catalogue.dataflows["declaration"]
    assert [
        *("origin_offset", "origin_row", "clock_ms", "member", "record", "revision"),
        *("digest", "action", "nkey", "sig", "keys"),
        *("period", "complete", "nil", "dataflow", "declared_ms", "late_days"),
    ] == names(schemas.records_schema(flow))
    assert [
        *("origin_offset", "origin_row", "clock_ms", "sign", "person", "member"),
        *("record", "period", "complete", "nil", "dataflow", "declared_ms"),
        "late_days",
    ] == names(schemas.facts_schema(flow))


def test_names_and_documents_stand_in_mobility_only(catalogue: Catalogue) -> None:
    """The unlinked domains know a case number, NONE knows nobody."""
    for flow in catalogue.dataflows.values():
        found = set(names(flow.schema)) & IDENTIFIERS
        if flow.domain is Domain.MOBILITY:
            assert IDENTIFIERS - {"case_ref"} == found
        elif flow.domain is Domain.NONE:
            assert set() == found
        else:
            assert {"case_ref"} == found


def test_no_schema_mentions_gender_or_passenger_records(catalogue: Catalogue) -> None:
    """Gender identity and passenger name records are not collected."""
    for flow in catalogue.dataflows.values():
        assert not [n for n in names(flow.schema) if "gender" in n or "pnr" in n]
