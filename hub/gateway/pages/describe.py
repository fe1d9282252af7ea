"""Descriptions for catalogues, values for DHIS2, terms of use.

Rules (docs/dashboard.md, "Reuse"; W3C DCAT 3; DHIS2 Web API, "Data values"):

- The catalogue lists every published table with its distributions; those for members
  say so.
- A DHIS2 value is a figure that is shown. DHIS2 has no word for one that is suppressed
  or missing: it is sent as deleted, so that an earlier figure does not stay there.
- Data elements, organisation units and option combinations are named by our codes. The
  message says so before its values, as DHIS2 reads it in one pass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hub.core.catalogue.model import Table, Text
from hub.core.sdmx.cube import figure
from hub.core.sdmx.model import LANGUAGES
from hub.core.sdmx.times import iso, span
from hub.gateway.gateway import Gateway
from hub.gateway.pages.texts import FOLDER, Words, read_text

_FORMS = (
    ("csv", "text/csv", "SDMX-CSV"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "XLSX",
    ),
    ("generic", "application/vnd.sdmx.genericdata+xml;version=2.1", "SDMX-ML"),
    ("json2", "application/vnd.sdmx.data+json;version=2.0.0", "SDMX-JSON"),
    ("parquet", "application/vnd.apache.parquet", "Parquet"),
)
_OFTEN = {"M": "MONTHLY", "Q": "QUARTERLY", "A": "ANNUAL"}
_FREQUENCY = "http://publications.europa.eu/resource/authority/frequency/"
_RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Terms under which figures may be used again."""

    id: str
    url: str
    title: Text


@cache
def licence() -> Licence:
    """The licence in its file."""
    said = tomllib.loads((FOLDER / "reuse.toml").read_text("utf-8"))["licence"]
    title = read_text(said["title"], "reuse.toml: licence")
    return Licence(id=said["id"], url=said["url"], title=title)


def citation(gateway: Gateway, table: Table, words: Words, day: str) -> str:
    """How a table is cited."""
    member = gateway.catalogue.members.get(table.custodian)
    return words(
        "reuse.citation",
        custodian=words.of(member.title) if member else table.custodian,
        title=words.of(table.title),
        id=table.id,
        day=day or "–",
    )


def _tagged(text: Text) -> list[Mapping[str, str]]:
    return [{"@language": one, "@value": getattr(text, one)} for one in LANGUAGES]


def catalog(gateway: Gateway, here: str) -> Mapping[str, Any]:
    """All tables as a DCAT catalogue in JSON-LD."""
    return {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dcterms": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "@id": f"{here}/catalog.jsonld",
        "@type": "dcat:Catalog",
        "dcterms:title": [
            {"@language": one, "@value": Words(one)("shell.tagline")}
            for one in LANGUAGES
        ],
        "dcterms:language": list(LANGUAGES),
        "dcterms:license": {"@id": licence().url},
        "dcat:dataset": [_dataset(gateway, one, here) for one in gateway.tables()],
    }


def _dataset(gateway: Gateway, table: Table, here: str) -> Mapping[str, Any]:
    state = gateway.states[table.id]
    member = gateway.catalogue.members.get(table.custodian)
    right = "PUBLIC" if table.access == "public" else "RESTRICTED"
    found: dict[str, Any] = {
        "@id": f"{here}/tables/{table.id}",
        "@type": "dcat:Dataset",
        "dcterms:identifier": table.id,
        "dcterms:title": _tagged(table.title),
        "dcterms:description": _tagged(table.definition),
        "dcterms:accrualPeriodicity": {"@id": _FREQUENCY + _OFTEN[table.frequency]},
        "dcterms:accessRights": {"@id": _RIGHTS + right},
        "dcterms:license": {"@id": licence().url},
        "dcat:keyword": list(table.references),
        "dcat:landingPage": {"@id": f"{here}/tables/{table.id}"},
        "dcat:distribution": list(_distributions(table, here)),
    }
    if member is not None:
        found["dcterms:publisher"] = {
            "@type": "foaf:Organization",
            "foaf:name": _tagged(member.title),
        }
    if state.periods:
        found["dcterms:modified"] = _typed(iso(state.changed_ms), "dateTime")
        first, last = span(state.periods[0]).start, span(state.periods[-1]).end
        found["dcterms:temporal"] = {
            "@type": "dcterms:PeriodOfTime",
            "dcat:startDate": _typed(str(first), "date"),
            "dcat:endDate": _typed(str(last), "date"),
        }
    return found


def _typed(value: str, kind: str) -> Mapping[str, str]:
    return {"@type": f"xsd:{kind}", "@value": value}


def _distributions(table: Table, here: str) -> Iterable[Mapping[str, Any]]:
    for form, media, title in _FORMS:
        url = f"{here}/sdmx/2.1/data/{table.id}/all?format={form}"
        yield {
            "@type": "dcat:Distribution",
            "dcterms:title": title,
            "dcat:mediaType": media,
            "dcat:accessURL": {"@id": url},
            "dcterms:license": {"@id": licence().url},
        }


def data_values(gateway: Gateway, table: Table) -> Mapping[str, Any]:
    """The newest figures of a table as DHIS2 imports them."""
    state = gateway.states[table.id]
    rows = gateway.lookup.rows(state, [None] * (3 + len(table.dimensions)), None, None)
    return {
        "idScheme": "CODE",
        "dataValues": [
            {
                "dataElement": table.id,
                "period": _dhis2(period),
                "orgUnit": area,
                "categoryOptionCombo": "_".join([sex, *codes]),
                **({"deleted": True} if value is None else {"value": figure(value)}),
                "comment": status,
            }
            for key, _, _, period, value, status, *_ in rows
            for _, area, sex, *codes in (key.split("."),)
        ],
    }


def _dhis2(period: str) -> str:
    """``2025``, ``2025Q1``, ``202503``."""
    return period.replace("-", "")
