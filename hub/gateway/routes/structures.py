"""Answers to structure queries of both APIs."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from hub.core.sdmx import ask
from hub.core.sdmx.ask import Question
from hub.core.sdmx.model import Flow, Kind
from hub.core.sdmx.negotiate import Format
from hub.core.sdmx.query import OWN, single
from hub.core.sdmx.refusal import syntax
from hub.core.sdmx.shelf import Shelf
from hub.gateway import answers, web
from hub.gateway.doors import PUBLIC
from hub.gateway.routes.data import chosen

WORDS_MAX = 100
"""Ids that one part of the path may list."""
PARAMETERS = OWN | frozenset({"references", "detail"})


def question(request: Request, separator: str, latest: str) -> Question:
    """The structure query in a path and its parameters.

    Args:
        request: With the parts ``resource``, ``agency``, ``id``, ``version``, ``item``.
        separator: Between several ids: ``+`` or ``,``.
        latest: What a version is that is not said.

    Raises:
        RefusalError: It is no query.
    """
    said = single(web.pairs(request), PARAMETERS)
    parts = request.path_params

    def words(name: str, default: str) -> frozenset[str]:
        found = str(parts.get(name, default)).split(separator)
        if len(found) > WORDS_MAX:
            raise syntax(f"more than {WORDS_MAX} words in one part; ask in parts")
        return frozenset(found)

    version = str(parts.get("version", latest))
    versions = frozenset([version]) if separator == "+" else words("version", latest)
    items = words("item", "") - {"", "all", "*"}
    return Question(
        kinds=ask.kinds(str(parts["resource"])),
        agencies=words("agency", "all"),
        ids=words("id", "all"),
        versions=versions,
        items=items,
        references=ask.references(said.get("references")),
        detail=ask.detail(said.get("detail")),
    )


def schema(flow: Flow) -> Question:
    """What validates a dataflow's data: its structure, codelists and constraint."""
    return Question(
        kinds=(Kind.FLOW,),
        agencies=frozenset({flow.ref.agency}),
        ids=frozenset({flow.ref.id}),
        versions=frozenset({flow.ref.version}),
        references=frozenset({"all"}),
    )


def below(word: str | None) -> frozenset[str]:
    """References of an availability query: "all" is everything below it.

    Raises:
        RefusalError: SYNTAX; no such reference.
    """
    found = ask.references(word)
    return frozenset({"descendants"}) if "all" in found else found


async def structures(
    request: Request,
    asked: Question,
    offered: Sequence[Format],
    *,
    shelf: Shelf | None = None,
    changed_ms: int | None = None,
) -> Response:
    """The answer to a structure query.

    Args:
        request: Its conditions and preferences are looked at.
        asked: The query.
        offered: Formats, the default first.
        shelf: Where to look, if not at the gateway's own.
        changed_ms: When it last changed, if not with the gateway's data.

    Raises:
        RefusalError: Nothing matches, or nothing acceptable is offered.
    """
    gateway = web.gateway_of(request)
    choice, language = chosen(request, offered)
    found = ask.answer(shelf or web.shelf_of(request), asked)
    public = web.caller_of(request) == PUBLIC
    words = (
        gateway.version,
        gateway.catalogue.digest.hex(),
        request.url.path,
        request.url.query,
        str(public),
    )
    moment = gateway.changed_ms if changed_ms is None else changed_ms

    def make() -> bytes:
        return answers.structures(
            found,
            choice,
            language,
            id_=answers.identity(*words),
            prepared_ms=moment,
        )

    made = await web.answer(
        request,
        web.Asked(
            words=words,
            content_type=choice.format.content_type,
            changed_ms=moment,
            language=language,
            open=public,
        ),
        make,
    )
    if made is None:
        raise AssertionError("structures are never empty")
    return made
