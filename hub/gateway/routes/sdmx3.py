"""SDMX REST 2.0 below ``/sdmx/3.0``: SDMX-JSON 2.0 unless another format is wanted."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx import query as queries
from hub.core.sdmx.ask import LATEST
from hub.core.sdmx.model import Flow, Kind
from hub.core.sdmx.negotiate import DATA_3, STRUCTURE_3
from hub.core.sdmx.query import OWN, Query, single
from hub.core.sdmx.refusal import Fault, RefusalError, nothing, shown, syntax
from hub.core.sdmx.shelf import Shelf
from hub.gateway import web
from hub.gateway.routes import openapi
from hub.gateway.routes.availability import availability
from hub.gateway.routes.data import chosen, data
from hub.gateway.routes.structures import question, schema, structures

router = APIRouter(prefix="/sdmx/3.0", tags=["SDMX 3.0"])

_AVAILABLE = OWN | frozenset({"updatedAfter", "mode", "references"})


async def get_data(request: Request) -> Response:
    """Data of one dataflow; 204 where nothing matches."""
    parts = request.path_params
    flow = _flow(request)
    query = queries.data_3(
        web.gateway_of(request).shelf, flow, parts.get("keys", "*"), web.pairs(request)
    )
    choice, language = chosen(request, DATA_3)
    found = await data(request, query, choice, language)
    return Response(None, 204) if found is None else found


async def get_availability(request: Request) -> Response:
    """Which codes and periods a data query would give."""
    parts = request.path_params
    gateway = web.gateway_of(request)
    said = single(web.pairs(request), _AVAILABLE, filters=True)
    flow = _flow(request)
    structure = gateway.shelf.structure(flow)
    _, after = queries.moments(said)
    query = Query(
        flow=flow,
        structure=structure,
        selection=queries.selection_3(structure, parts.get("keys", "*"), said),
        after_ms=after,
    )
    component = parts.get("component", "*")
    return await availability(request, query, component, said, STRUCTURE_3)


async def get_structures(request: Request) -> Response:
    """Dataflows, data structures, codelists, concepts, constraints."""
    return await structures(request, question(request, ",", "~"), STRUCTURE_3)


async def get_schema(request: Request) -> Response:
    """Everything that validates data of a dataflow."""
    asked = schema(_flow(request))
    return await structures(request, asked, STRUCTURE_3)


async def not_built() -> Response:
    """Parts of the standard that this hub has none of."""
    raise RefusalError(
        Fault.NOT_BUILT, "reference metadata and registrations are not built"
    )


def _flow(request: Request) -> Flow:
    """The one dataflow of a path.

    Raises:
        RefusalError: There is none, or more than one is asked for.
    """
    parts = request.path_params
    context, agency, id_ = (str(parts[name]) for name in ("context", "agency", "id"))
    version = str(parts.get("version", "~"))
    if context not in {"dataflow", "datastructure", "*"}:
        if context == "provisionagreement":
            raise nothing("there are no provision agreements here; ask the dataflow")
        raise syntax(f"{shown(context)}: expected dataflow or datastructure")
    if id_ == "*" or "," in f"{agency}{id_}{version}":
        text = "one dataflow a query; the resource structure/dataflow lists them"
        raise RefusalError(Fault.NOT_BUILT, text)
    shelf = web.gateway_of(request).shelf
    if context == "datastructure":
        return _by_structure(shelf, agency, id_, version)
    return queries.find_flow(shelf, agency, id_, version)


def _by_structure(shelf: Shelf, agency: str, id_: str, version: str) -> Flow:
    for ref in shelf.of_kind(Kind.FLOW):
        flow = shelf.flow(ref)
        if flow is not None and flow.structure.id == id_:
            same = agency in {"*", flow.structure.agency}
            if same and (version in LATEST or version == flow.structure.version):
                return flow
    raise nothing(f"no dataflow of data structure {shown(id_)} is here")


openapi.add(
    router,
    ("data", "{context}", "{agency}", "{id}", "{version}", "{keys}"),
    4,
    get_data,
    name="data_3",
    summary="Data",
    query=openapi.parameters(
        [
            "updatedAfter",
            "asOf",
            "includeHistory",
            "firstNObservations",
            "lastNObservations",
            "dimensionAtObservation",
            "attributes",
            "measures",
            "offset",
            "limit",
            "sort",
            "reportingYearStartDay",
            "format",
            "lang",
            "labels",
        ],
        filters=True,
    ),
    answers=openapi.responses(DATA_3, openapi.JSON_ERROR, empty=True),
)
openapi.add(
    router,
    (
        "availability",
        "{context}",
        "{agency}",
        "{id}",
        "{version}",
        "{keys}",
        "{component}",
    ),
    4,
    get_availability,
    name="availability_3",
    summary="What data there are",
    query=openapi.parameters(["updatedAfter", "mode", "references"], filters=True),
    answers=openapi.responses(STRUCTURE_3, openapi.JSON_ERROR),
)
openapi.add(
    router,
    ("structure", "{resource}", "{agency}", "{id}", "{version}", "{item}"),
    2,
    get_structures,
    name="structures_3",
    summary="Structures",
    query=openapi.parameters(
        ["references", "structureDetail", "structureFormat", "lang"]
    ),
    answers=openapi.responses(STRUCTURE_3, openapi.JSON_ERROR),
)
openapi.add(
    router,
    ("schema", "{context}", "{agency}", "{id}", "{version}"),
    4,
    get_schema,
    name="schema_3",
    summary="What validates data",
    query=openapi.parameters(["structureFormat", "lang"]),
    answers=openapi.responses(STRUCTURE_3, openapi.JSON_ERROR),
)
for _word in ("metadata", "registration"):
    router.add_api_route(
        f"/{_word}/{{rest:path}}", not_built, methods=["GET"], include_in_schema=False
    )
