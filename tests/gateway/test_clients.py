"""The tools members have, as they come: sdmx1, pysdmx, pandas, Confluent's client."""

from __future__ import annotations

import io
import warnings
from typing import Any

import httpx
import pandas as pd
import pytest
import sdmx
import sdmx.reader.xml.v30  # it cannot be loaded once that of 2.1 was used
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from pysdmx.api.fmr import RegistryClient
from pysdmx.api.qb import (
    ApiVersion,
    DataContext,
    DataFormat,
    DataQuery,
    RestService,
    StructureQuery,
    StructureType,
)
from pysdmx.io import read_sdmx

from hub.core import observation
from hub.core.topics import indicator_topic
from tests.core.sdmx.releases import catalogue, close, released

NAME = "PRM_NEW"
TABLES = {one.id for one in catalogue().tables.values() if not one.internal}
CELLS = 256
"""Observations of a release of PRM_NEW."""


@pytest.fixture
def client(url: str) -> sdmx.Client:
    """sdmx1 with this gateway as a source."""
    sdmx.add_source(
        {
            "id": "KERWEN",
            "name": "Kerwen",
            "url": f"{url}/sdmx/2.1",
            "data_content_type": "XML",
        },
        override=True,
    )
    return sdmx.Client("KERWEN")


def expected() -> dict[tuple[str, ...], float | None]:
    """Key and period → value of the newest release."""
    found, _ = released(catalogue().tables[NAME], close(2, vintage="R"))
    return {(*one.series.split("."), one.period): one.value for one in found}


def test_sdmx1_lists_dataflows_and_reads_a_structure(client: sdmx.Client) -> None:
    """With everything that it refers to."""
    flows = client.dataflow()
    found = client.dataflow(NAME)
    structure = found.structure[NAME]

    assert set(flows.dataflow) == {*TABLES, "DF_SDG"}
    assert [one.id for one in structure.dimensions] == [
        *("FREQ", "REF_AREA", "SEX", "REASON", "CITIZENSHIP_G", "TIME_PERIOD")
    ]
    assert set(found.codelist["CL_SEX"].items) == {"F", "M", "_OUN", "_T"}
    name = found.codelist["CL_SEX"].items["F"].name
    assert {name.localizations[one] for one in ("en", "ru", "tk")} == {
        *("Female", "Женский", "Aýal")
    }
    assert found.constraint["CR_PRM_NEW"]
    assert client.codelist("CL_SEX").codelist["CL_SEX"]
    assert client.conceptscheme("CS_KERWEN").concept_scheme["CS_KERWEN"]
    assert set(client.dataflow("DF_SDG").structure) == {"SDG"}


def test_sdmx1_reads_data_by_key_and_by_dict(client: sdmx.Client) -> None:
    """The figures that were released, neither more nor others."""
    by_key = sdmx.to_pandas(client.data(NAME, key="Q.TM.F+M.."))
    by_dict = sdmx.to_pandas(client.data(NAME, key={"SEX": ["F", "M"]}))
    wanted = {key: value for key, value in expected().items() if key[2] in "FM"}
    names = ["FREQ", "REF_AREA", "SEX", "REASON", "CITIZENSHIP_G", "TIME_PERIOD"]
    read = {
        tuple(dict(zip(by_key.index.names, at, strict=True))[name] for name in names): (
            None if pd.isna(value) else value
        )
        for at, value in by_key.items()
    }

    assert read == wanted
    assert len(by_dict) == len(by_key)


def test_sdmx1_reads_sdg_indicators_in_the_custodians_structure(
    client: sdmx.Client,
) -> None:
    """Keys by name as in the global database; the figures are the table's own."""
    key = {"REF_AREA": "795", "SERIES": "SI_RMT_COST"}
    found = sdmx.to_pandas(client.data("DF_SDG", key=key))
    own = sdmx.to_pandas(client.data("REM_COST", key={"CORRIDOR_G": "_T"}))
    names = dict(zip(found.index.names, found.index[0], strict=True))

    assert client.dataflow("DF_SDG").structure["SDG"].maintainer.id == "IAEG-SDGs"
    assert len(found.index.names) == 16
    assert (names["FREQ"], names["SEX"], names["REPORTING_TYPE"]) == ("Q", "_T", "N")
    assert sorted(found.dropna()) == sorted(own.dropna())
    assert len(found) == len(own)


@pytest.mark.parametrize(
    "name",
    ["generic", "generic-series", "specific", "specific-series", "json-draft"],
)
def test_sdmx1_reads_each_format(client: sdmx.Client, url: str, name: str) -> None:
    """In each way of cutting that the format has."""
    structure = client.dataflow(NAME).structure[NAME]
    series_only = name.endswith("series")
    for at in ["TIME_PERIOD", *([] if series_only else ["SEX", "AllDimensions"])]:
        address = f"{url}/sdmx/2.1/data/{NAME}/all"
        answer = httpx.get(
            address, params={"format": name, "dimensionAtObservation": at}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it deprecates its own word for this
            message = sdmx.read_sdmx(
                io.BytesIO(answer.content),
                **({} if name == "json-draft" else {"structure": structure}),
            )
        values = sdmx.to_pandas(message)
        assert len(values) == CELLS
        assert values.sum() == sum(one or 0 for one in expected().values())


def test_sdmx1_previews_series_and_reads_3_0(client: sdmx.Client, url: str) -> None:
    """Keys without observations; and the other API."""
    keys = client.preview_data(NAME, {"SEX": "F"})
    assert {one["SEX"].value for one in keys} == {"F"}
    sdmx.add_source(
        {
            "id": "KERWEN3",
            "name": "Kerwen",
            "url": f"{url}/sdmx/3.0",
            "data_content_type": "XML",
            "versions": ["3.0.0"],
        },
        override=True,
    )
    third = sdmx.Client("KERWEN3")
    wanted: dict[str, Any] = {"agency_id": "KERWEN"}
    flows = third.dataflow(**wanted, headers={"Accept": "application/xml"})
    data = third.data(
        NAME,
        **wanted,
        context="dataflow",
        key="Q.TM.F",
        headers={"Accept": "application/vnd.sdmx.data+xml;version=3.0.0"},
    )

    assert set(flows.dataflow) == {*TABLES, "DF_SDG"}
    assert len(sdmx.to_pandas(data)) == CELLS // 4


def test_pysdmx_reads_structures(url: str) -> None:
    """As a registry client, and from every message."""
    registry = RegistryClient(f"{url}/sdmx/3.0")
    details = registry.get_dataflow_details("KERWEN", NAME)
    sexes = registry.get_codes("KERWEN", "CL_SEX")

    assert {one.id for one in registry.get_dataflows("KERWEN")} == {*TABLES, "DF_SDG"}
    assert [one.id for one in sexes.items] == ["F", "M", "_OUN", "_T"]
    assert [one.id for one in details.components.dimensions][:3] == [
        *("FREQ", "REF_AREA", "SEX")
    ]
    assert [one.id for one in registry.get_concepts("KERWEN", "CS_KERWEN").items]
    for path in (
        f"/sdmx/2.1/dataflow/KERWEN/{NAME}?references=all",
        f"/sdmx/3.0/structure/dataflow/KERWEN/{NAME}?references=all&format=json",
        f"/sdmx/3.0/structure/dataflow/KERWEN/{NAME}?references=all&format=xml3",
        f"/sdmx/3.0/structure/dataflow/KERWEN/{NAME}?references=all&format=xml31",
    ):
        message = read_sdmx(httpx.get(url + path).text)
        assert [one.id for one in message.get_data_structure_definitions()] == [NAME]


def test_pysdmx_asks_for_data(url: str) -> None:
    """With its own queries; what it gets is what pandas reads."""
    service = RestService(
        f"{url}/sdmx/3.0",
        ApiVersion.V2_0_0,
        data_format=DataFormat.SDMX_CSV_2_0_0,
    )
    query = DataQuery(
        DataContext.DATAFLOW, "KERWEN", NAME, "1.0.0", "Q.TM.F.*.*", last_n_obs=1
    )
    frame = pd.read_csv(io.BytesIO(service.data(query)))
    found = service.structure(StructureQuery(StructureType.DATAFLOW, "KERWEN", NAME))

    assert set(frame["SEX"]) == {"F"}
    assert set(frame["TIME_PERIOD"]) == {"2025-Q4"}
    assert NAME.encode() in found


def test_pandas_reads_csv_and_workbooks(url: str) -> None:
    """From the address itself, with missing values as such."""
    frame = pd.read_csv(f"{url}/sdmx/2.1/data/{NAME}/all?format=csv")
    book = pd.read_excel(
        io.BytesIO(httpx.get(f"{url}/sdmx/2.1/data/{NAME}/all?format=xlsx").content),
        sheet_name="Data",
    )
    hidden = frame["OBS_STATUS"].isin(["Q", "O"])

    assert len(frame) == len(book) == CELLS
    assert frame["OBS_VALUE"].isna().equals(hidden)
    assert frame["OBS_VALUE"].sum() == book["OBS_VALUE"].sum()


def test_confluents_deserialiser_reads_the_topics(url: str) -> None:
    """With nothing but the gateway's address."""
    table = catalogue().tables[NAME]
    codec = observation.Codec(table)
    found, _ = released(table, close(1))
    context = SerializationContext(indicator_topic(NAME), MessageField.VALUE)
    with SchemaRegistryClient({"url": url}) as registry:
        read = AvroDeserializer(registry)
        for one in found[:20]:
            row: Any = read(codec.encode(one), context)
            assert row["OBS_VALUE"] == one.value
            assert (row["SEX"], row["TIME_PERIOD"]) == (one.sex, one.period)
            assert row["REASON"] == one.dimensions[0]


def test_confluents_client_finds_its_way(url: str) -> None:
    """Subjects, versions, ids; and it may not register anything."""
    subject = f"{indicator_topic(NAME)}-value"
    context = SerializationContext("indicators.NOPE", MessageField.VALUE)
    with SchemaRegistryClient({"url": url}) as registry:
        latest = registry.get_latest_version(subject)
        assert latest.schema_id is not None
        schema = registry.get_schema(latest.schema_id)
        same = registry.lookup_schema(subject, schema)
        assert set(registry.get_subjects()) == {
            f"{indicator_topic(one)}-value" for one in TABLES
        }
        assert registry.get_versions(subject) == [1]
        writer = AvroSerializer(registry, str(schema.schema_str))
        with pytest.raises(SchemaRegistryError):
            writer({"FREQ": "Q"}, context)
    assert latest.schema_id == observation.schema_id(catalogue().tables[NAME])
    assert same.schema_id == latest.schema_id


def test_confluents_java_client_is_answered_as_it_asks(url: str) -> None:
    """What Kafka Connect's converter and Flink's format send: with their parameters."""
    table = catalogue().tables[NAME]
    subject, number = f"{indicator_topic(NAME)}-value", observation.schema_id(table)
    kind = "application/vnd.schemaregistry.v1+json"
    accept = {
        "Accept": f"{kind}, application/vnd.schemaregistry+json, application/json"
    }
    by_id = httpx.get(
        f"{url}/schemas/ids/{number}",
        params={"fetchMaxId": "false", "subject": subject},
        headers=accept,
    )
    looked_up = httpx.post(
        f"{url}/subjects/{subject}",
        params={"normalize": "false", "deleted": "true"},
        headers={**accept, "Content-Type": kind},
        json={"schema": by_id.json()["schema"], "references": []},
    )
    newest = httpx.get(f"{url}/subjects/{subject}/versions/latest", headers=accept)

    assert by_id.headers["content-type"] == kind
    assert looked_up.json() == newest.json()
    assert (newest.json()["id"], newest.json()["version"]) == (number, 1)
