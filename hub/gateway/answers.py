"""From a query to the bytes of its answer.

Rules (docs/gateway.md, "Answers"):

- An answer is a pure function of the store's state, the query, the format and the
  language: its id and its time are too, so that the same answer is the same bytes.
- The store may go on while it is read; then its state is read again and the query is
  answered anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hub.core.catalogue.model import Measure, Text
from hub.core.sdmx import (
    arrange,
    csv_data,
    hxl,
    json_data,
    json_structure,
    ml_data,
    ml_structure,
    sdg,
)
from hub.core.sdmx import negotiate as formats
from hub.core.sdmx.ask import Answer
from hub.core.sdmx.cube import DataSet, Message, Series
from hub.core.sdmx.model import TIME
from hub.core.sdmx.negotiate import Choice
from hub.core.sdmx.query import EVERYTHING, WHOLE, Query
from hub.core.sdmx.refusal import Fault, RefusalError, shown, syntax
from hub.core.sdmx.select import passes, time
from hub.gateway import exports, structures3
from hub.gateway.figures import data_sets
from hub.gateway.gateway import Gateway
from hub.gateway.lookup import StaleError

TRIES = 3
PERSONS = frozenset({Measure.PERSONS, Measure.STOCK})

_ML = {
    formats.GENERIC: ml_data.GENERIC,
    formats.GENERIC_SERIES: ml_data.GENERIC_SERIES,
    formats.SPECIFIC: ml_data.SPECIFIC,
    formats.SPECIFIC_SERIES: ml_data.SPECIFIC_SERIES,
    formats.XML_3: ml_data.SPECIFIC_3,
}
_JSON = (formats.JSON_DRAFT, formats.JSON_1, formats.JSON_2, formats.JSON_21)
_CSV = (formats.CSV_1, formats.CSV_2)
_SERIES_ONLY = (formats.GENERIC_SERIES, formats.SPECIFIC_SERIES)


def identity(*words: str) -> str:
    """A short name for what these words make: message ids, entity tags."""
    digest = hashlib.sha256("\n".join(words).encode())
    return digest.hexdigest()[:24]


def version(gateway: Gateway, query: Query) -> str:
    """Changes whenever the answer to a query might."""
    state = gateway.states.get(query.flow.ref.id)
    return gateway.version if state is None else state.version


def changed_ms(gateway: Gateway, query: Query) -> int:
    """When the data of a query last changed."""
    state = gateway.states.get(query.flow.ref.id)
    return gateway.changed_ms if state is None else state.changed_ms


def message(gateway: Gateway, query: Query, id_: str) -> Message | None:
    """The data of a query; None where nothing matches.

    Raises:
        RefusalError: TOO_MUCH, or NOT_BUILT for the past of a mapped flow.
    """
    for _ in range(TRIES):
        try:
            found = _sets(gateway, query)
        except StaleError:
            gateway.refresh([query.flow.ref.id])
            continue
        if not found:
            return None
        return Message(
            id=id_,
            prepared_ms=changed_ms(gateway, query),
            flow_id=query.flow.ref.id,
            flow_urn=query.flow.ref.urn,
            structure=query.structure,
            sets=found,
            at=query.at,
            detail=query.detail,
        )
    raise RefusalError(Fault.AWAY, "a release is being taken in; ask again")


def _sets(gateway: Gateway, query: Query) -> list[DataSet]:
    state = gateway.states.get(query.flow.ref.id)
    if state is not None:
        return data_sets(gateway.lookup, state, query)
    if query.history or query.after_ms is not None:
        text = "of a mapped dataflow only asOf is built; ask the tables themselves"
        raise RefusalError(Fault.NOT_BUILT, text)
    series = arrange.arranged(query, list(_mapped(gateway, query)))
    return [DataSet(series=series)] if series else []


def _mapped(gateway: Gateway, query: Query) -> Iterator[Series]:
    """Series of all tables that give SDG indicators, selected."""
    codes = query.selection.codes(query.structure)
    for table in sdg.tables(gateway.catalogue):
        flow = gateway.shelf.flow(replace(sdg.FLOW, id=table.id))
        if flow is None:
            continue
        whole = Query(
            flow=flow,
            structure=gateway.shelf.structure(flow),
            selection=EVERYTHING,
            detail=WHOLE,
            as_of_ms=query.as_of_ms,
        )
        for found in data_sets(gateway.lookup, gateway.states[table.id], whole):
            for one in sdg.series(gateway.catalogue, table, found.series):
                keys = zip(one.key, codes, strict=True)
                if all(wanted is None or code in wanted for code, wanted in keys) and (
                    query.selection.takes(one.key)
                ):
                    yield _timed(query, one)


def _timed(query: Query, one: Series) -> Series:
    wanted = query.selection.filters.get(TIME)
    if wanted is None:
        return one
    kept = [o for o in one.observations if passes(wanted, time(o.period))]
    return one._replace(observations=kept)


def check(choice: Choice, query: Query) -> None:
    """Refuse what a format cannot say."""
    if choice.format in _SERIES_ONLY and query.at != TIME:
        raise RefusalError(
            Fault.FORMAT,
            f"{choice.format.name} has time at the observation; ask for "
            "genericdata or structurespecificdata",
        )
    known: Mapping[str, tuple[str, ...]] = {
        "labels": csv_data.LABELS,
        "keys": csv_data.KEYS,
        "timeformat": ("original", "normalized"),
    }
    for name, values in known.items():
        value = choice.parameters.get(name)
        if value is not None and value not in values:
            raise syntax(f"{name}={shown(value)}: expected {', '.join(values)}")


def write(gateway: Gateway, found: Message, choice: Choice, language: str) -> bytes:
    """A message in a format."""
    one, said = choice.format, choice.parameters
    if one in _ML:
        return _joined(ml_data.write(found, _ML[one]))
    if one in _JSON:
        return _joined(json_data.write(found, one.version, language))
    if one in _CSV:
        return _joined(
            csv_data.write(
                found,
                one.version,
                labels=said.get("labels", "id"),
                language=language,
                normalized=said.get("timeformat") == "normalized",
                keys=said.get("keys", "none"),
            )
        )
    if one is formats.HXL:
        table = gateway.catalogue.tables.get(found.flow_id)
        people = table is not None and table.measure in PERSONS
        return _joined(hxl.write(found, language, people=people))
    if one is formats.XLSX:
        return exports.workbook(found, _definition(gateway, found), language)
    return exports.parquet(found)


def _definition(gateway: Gateway, found: Message) -> Text:
    table = gateway.catalogue.tables.get(found.flow_id)
    return found.structure.name if table is None else table.definition


def structures(
    answer: Answer, choice: Choice, language: str, *, id_: str, prepared_ms: int
) -> bytes:
    """Artefacts in a format."""
    one = choice.format
    if one is formats.STRUCTURE_XML:
        return _joined(
            ml_structure.write(
                answer.artefacts, id_=id_, prepared_ms=prepared_ms, stubs=answer.stubs
            )
        )
    if one is formats.STRUCTURE_JSON:
        return _joined(
            json_structure.write(
                answer.artefacts,
                id_=id_,
                prepared_ms=prepared_ms,
                language=language,
                stubs=answer.stubs,
            )
        )
    return structures3.write(
        answer, one.version, id_=id_, prepared_ms=prepared_ms, language=language
    ).encode()


def _joined(pieces: Iterator[str]) -> bytes:
    return b"".join(one.encode() for one in pieces)
