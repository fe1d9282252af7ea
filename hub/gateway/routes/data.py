"""Answers to data and availability queries of both APIs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx import negotiate
from hub.core.sdmx.cube import Series
from hub.core.sdmx.model import Constraint, Structure
from hub.core.sdmx.negotiate import Choice, Format
from hub.core.sdmx.query import Query
from hub.core.sdmx.refusal import nothing, shown, syntax
from hub.core.sdmx.select import Selection
from hub.core.sdmx.shelf import constraint_ref
from hub.core.sdmx.times import span
from hub.gateway import answers, web
from hub.gateway.gateway import Gateway


def chosen(request: Request, offered: Sequence[Format]) -> tuple[Choice, str]:
    """The format and the language of an answer.

    Raises:
        RefusalError: Nothing acceptable is offered.
    """
    asked = request.query_params
    choice = negotiate.choose(
        offered, request.headers.get("accept"), asked.get("format")
    )
    if "labels" in asked:
        choice = replace(
            choice, parameters={**choice.parameters, "labels": asked["labels"]}
        )
    language = negotiate.language(
        request.headers.get("accept-language"), asked.get("lang")
    )
    return choice, language


async def data(
    request: Request, query: Query, choice: Choice, language: str
) -> Response | None:
    """The answer to a data query; None where nothing matches."""
    gateway = web.gateway_of(request)
    public = gateway.is_open(query.flow)
    if not public:
        web.members_only(request)
    answers.check(choice, query)
    said = ";".join(f"{name}={choice.parameters[name]}" for name in choice.parameters)
    words = (
        answers.version(gateway, query),
        gateway.catalogue.digest.hex(),
        request.url.path,
        request.url.query,
        said,
    )

    def make() -> bytes | None:
        found = answers.message(gateway, query, answers.identity(*words))
        return (
            None if found is None else answers.write(gateway, found, choice, language)
        )

    asked = web.Asked(
        words=words,
        content_type=choice.format.content_type,
        changed_ms=answers.changed_ms(gateway, query),
        language=language,
        open=public,
        filename=f"{query.flow.ref.id}.{choice.format.suffix}",
    )
    return await web.answer(request, asked, make)


def available(
    gateway: Gateway, query: Query, component: str, mode: str | None
) -> Constraint:
    """What data there would be: the codes, the periods, the counts.

    Args:
        gateway: For the data.
        query: The selection made so far.
        component: One dimension, or ``all``.
        mode: ``exact``: codes of the answer; ``available``: for each dimension those
            that could still be chosen, its own choice left aside.

    Raises:
        RefusalError: No such dimension or mode; or nothing matches.
    """
    structure = query.structure
    wanted = [one.id for one in structure.dimensions]
    if component not in {"all", "*"}:
        wanted = component.replace("+", ",").split(",")
        known = [*(one.id for one in structure.dimensions), structure.time.id]
        for id_ in wanted:
            if id_ not in known:
                raise syntax(
                    f"{shown(id_)} is no dimension; there are {', '.join(known)}"
                )
    if mode not in {None, "exact", "available"}:
        raise syntax(f"mode={shown(mode or '')}: expected exact or available")
    series = _series(gateway, query)
    if not series:
        raise nothing("no data match the query")
    values = {}
    for at, one in enumerate(structure.dimensions):
        if one.id not in wanted:
            continue
        found = series
        if mode == "available":
            found = _series(gateway, _without(query, structure, at))
        codes = {each.key[at] for each in found}
        ordered = [code for code in one.codes if code in codes]
        values[one.id] = tuple(ordered) or tuple(sorted(codes))
    periods = [span(o.period) for one in series for o in one.observations]
    return Constraint(
        ref=constraint_ref(query.flow.ref),
        name=query.flow.name,
        flow=query.flow.ref,
        values=values,
        start=str(min(one.start for one in periods)),
        end=str(max(one.end for one in periods)),
        series=len(series),
        observations=sum(len(one.observations) for one in series),
    )


def _series(gateway: Gateway, query: Query) -> Sequence[Series]:
    found = answers.message(gateway, query, "availability")
    return [] if found is None else [one for each in found.sets for one in each.series]


def _without(query: Query, structure: Structure, at: int) -> Query:
    """The query without its choice in one dimension."""
    keys = tuple(
        tuple(None if place == at else codes for place, codes in enumerate(key))
        for key in query.selection.keys
    )
    own = structure.dimensions[at].id
    filters = {id_: one for id_, one in query.selection.filters.items() if id_ != own}
    return replace(query, selection=Selection(keys=keys, filters=filters))
