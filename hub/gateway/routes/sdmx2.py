"""SDMX REST 1.5 below ``/sdmx/2.1``: SDMX-ML 2.1 unless something else is asked for."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx import query as queries
from hub.core.sdmx import select
from hub.core.sdmx.model import TIME
from hub.core.sdmx.negotiate import DATA_2, STRUCTURE_2
from hub.core.sdmx.query import OWN, Query, single
from hub.core.sdmx.refusal import Fault, RefusalError, nothing
from hub.core.sdmx.select import Filter, Selection
from hub.gateway import web
from hub.gateway.routes import openapi
from hub.gateway.routes.availability import availability
from hub.gateway.routes.data import chosen, data
from hub.gateway.routes.structures import question, schema, structures

router = APIRouter(prefix="/sdmx/2.1", tags=["SDMX 2.1"])

_AVAILABLE = OWN | frozenset(
    {"startPeriod", "endPeriod", "updatedAfter", "mode", "references"}
)


async def get_data(request: Request) -> Response:
    """Data of one dataflow."""
    parts = request.path_params
    gateway = web.gateway_of(request)
    query = queries.data_2(
        gateway.shelf,
        parts["flow"],
        parts.get("key", "all"),
        parts.get("provider", "all"),
        web.pairs(request),
    )
    choice, language = chosen(request, DATA_2)
    found = await data(request, query, choice, language)
    if found is None:
        raise nothing("no data match the query")
    return found


async def get_availability(request: Request) -> Response:
    """Which codes and periods a data query would give."""
    parts = request.path_params
    gateway = web.gateway_of(request)
    said = single(web.pairs(request), _AVAILABLE)
    flow = queries.flow_2(gateway.shelf, parts["flow"], parts.get("provider", "all"))
    structure = gateway.shelf.structure(flow)
    filters: dict[str, Filter] = {}
    time = select.between(said.get("startPeriod"), said.get("endPeriod"))
    if time is not None:
        filters[TIME] = time
    key = select.parse_key(parts.get("key", "all"), structure, whole=True)
    _, after = queries.moments(said)
    query = Query(
        flow=flow,
        structure=structure,
        selection=Selection(keys=(key,), filters=filters),
        after_ms=after,
    )
    component = parts.get("component", "all")
    return await availability(request, query, component, said, STRUCTURE_2)


async def get_structures(request: Request) -> Response:
    """Dataflows, data structures, codelists, concepts, constraints."""
    return await structures(request, question(request, "+", "latest"), STRUCTURE_2)


async def get_schema(request: Request) -> Response:
    """Everything that validates data of a dataflow."""
    parts = request.path_params
    if parts["context"] != "dataflow":
        raise nothing("schemas are here of context dataflow")
    words = (parts["agency"], parts["id"], parts.get("version", "latest"))
    flow = queries.find_flow(web.gateway_of(request).shelf, *words)
    return await structures(request, schema(flow), STRUCTURE_2)


async def not_built() -> Response:
    """Parts of the standard that this hub has none of."""
    raise RefusalError(Fault.NOT_BUILT, "reference metadata are not built")


_DATA_QUERY = openapi.parameters(
    [
        "startPeriod",
        "endPeriod",
        "firstNObservations",
        "lastNObservations",
        "dimensionAtObservation",
        "detail",
        "updatedAfter",
        "includeHistory",
        "asOf",
        "explicitMeasure",
        "format",
        "lang",
        "labels",
    ]
)
openapi.add(
    router,
    ("data", "{flow}", "{key}", "{provider}"),
    2,
    get_data,
    name="data_2",
    summary="Data",
    query=_DATA_QUERY,
    answers=openapi.responses(DATA_2, openapi.XML_ERROR),
)
openapi.add(
    router,
    ("availableconstraint", "{flow}", "{key}", "{provider}", "{component}"),
    2,
    get_availability,
    name="availability_2",
    summary="What data there are",
    query=openapi.parameters(
        ["startPeriod", "endPeriod", "updatedAfter", "mode", "references"]
    ),
    answers=openapi.responses(STRUCTURE_2, openapi.XML_ERROR),
)
openapi.add(
    router,
    ("schema", "{context}", "{agency}", "{id}", "{version}"),
    4,
    get_schema,
    name="schema_2",
    summary="What validates data",
    query=openapi.parameters(["structureFormat", "lang"]),
    answers=openapi.responses(STRUCTURE_2, openapi.XML_ERROR),
)
router.add_api_route(
    "/metadata/{rest:path}", not_built, methods=["GET"], include_in_schema=False
)
openapi.add(
    router,
    ("{resource}", "{agency}", "{id}", "{version}", "{item}"),
    1,
    get_structures,
    name="structures_2",
    summary="Structures",
    query=openapi.parameters(
        ["references", "structureDetail", "structureFormat", "lang"]
    ),
    answers=openapi.responses(STRUCTURE_2, openapi.XML_ERROR),
)
