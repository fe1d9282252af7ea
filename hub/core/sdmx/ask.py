"""Structure queries: which artefacts match, what comes with them, in what detail.

Rules (SDMX REST 1.5 and 2.0, "Structural metadata queries"):

- Agency, id and version may be all, one, or several; versions may also be the latest.
- References: none, children, descendants, parents, parentsandsiblings, ancestors, all,
  or a kind, of which those among "all" come.
- Detail: stubs of everything or of the references, or only the items that are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hub.core.sdmx.model import Artefact, Constraint, Kind, Ref, Scheme, Structure
from hub.core.sdmx.refusal import nothing, shown, syntax
from hub.core.sdmx.shelf import Shelf

KINDS: Mapping[str, Kind] = {
    "dataflow": Kind.FLOW,
    "datastructure": Kind.STRUCTURE,
    "codelist": Kind.CODELIST,
    "conceptscheme": Kind.CONCEPTS,
    "contentconstraint": Kind.CONSTRAINT,
    "dataconstraint": Kind.CONSTRAINT,
    "agencyscheme": Kind.AGENCIES,
}
"""Words for the kinds there are."""

ABSENT = frozenset(
    (
        "attachmentconstraint",
        "categorisation",
        "categoryscheme",
        "categoryschememap",
        "conceptschememap",
        "customtypescheme",
        "dataconsumerscheme",
        "dataproviderscheme",
        "hierarchicalcodelist",
        "hierarchy",
        "hierarchyassociation",
        "metadataconstraint",
        "metadataflow",
        "metadataproviderscheme",
        "metadataprovisionagreement",
        "metadatastructure",
        "namepersonalisationscheme",
        "organisationscheme",
        "organisationschememap",
        "organisationunitscheme",
        "process",
        "provisionagreement",
        "reportingtaxonomy",
        "reportingtaxonomymap",
        "representationmap",
        "rulesetscheme",
        "structuremap",
        "structureset",
        "transformationscheme",
        "userdefinedoperatorscheme",
        "valuelist",
        "vtlmappingscheme",
    )
)
"""Kinds of the standard that this hub has none of."""

REFERENCES = (
    "none",
    "children",
    "descendants",
    "parents",
    "parentsandsiblings",
    "ancestors",
    "all",
)
DETAILS = (
    "full",
    "allstubs",
    "referencestubs",
    "allcompletestubs",
    "referencecompletestubs",
    "referencepartial",
    "raw",
)
ANY = frozenset({"all", "*"})
LATEST = frozenset({"latest", "+", "~", "*", "all"})
"""There is one version of everything, so each of these is it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Artefacts in a fixed order, and those of which only a stub is wanted."""

    artefacts: tuple[Artefact, ...]
    stubs: frozenset[Ref]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A structure query.

    Attributes:
        kinds: Those asked for.
        agencies: Ids; one of ANY: every one. So `ids`; `versions`: LATEST too.
        items: Ids of items of a scheme; empty: all.
    """

    kinds: tuple[Kind, ...]
    agencies: frozenset[str]
    ids: frozenset[str]
    versions: frozenset[str]
    items: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset({"none"})
    detail: str = "full"


def kinds(word: str) -> tuple[Kind, ...]:
    """The kinds that a word of the path means.

    Raises:
        RefusalError: NOTHING for a kind that is empty here, SYNTAX for no kind.
    """
    if word in {"structure", "*"}:
        return tuple(dict.fromkeys(KINDS.values()))
    if word in KINDS:
        return (KINDS[word],)
    if word in ABSENT:
        raise nothing(f"there is no {word} here; there are {', '.join(KINDS)}")
    raise syntax(f"{shown(word)} is no kind of structure; there are {', '.join(KINDS)}")


def references(word: str | None) -> frozenset[str]:
    """The references that a parameter asks for."""
    found = frozenset((word or "none").split(","))
    for one in found:
        if one not in REFERENCES and one not in KINDS and one not in ABSENT:
            known = ", ".join((*REFERENCES, *KINDS))
            raise syntax(f"references={shown(one)}: expected one of {known}")
    return found


def detail(word: str | None) -> str:
    """The detail that a parameter asks for."""
    if word is not None and word not in DETAILS:
        expected = ", ".join(DETAILS)
        raise syntax(f"detail={shown(word)}: expected one of {expected}")
    return word or "full"


def answer(shelf: Shelf, question: Question) -> Answer:
    """What a structure query gets.

    Raises:
        RefusalError: NOTHING matches.
    """
    matched = [ref for ref in shelf.artefacts if _matches(ref, question)]
    if not matched:
        kinds = ", ".join(kind.value for kind in question.kinds)
        wanted = f"{_listed(question.agencies)}:{_listed(question.ids)}"
        raise nothing(f"no {kinds} {wanted}({_listed(question.versions)}) is here")
    brought = _brought(shelf, matched, question.references)
    order = {ref: at for at, ref in enumerate(shelf.artefacts)}
    refs = sorted({*matched, *brought}, key=lambda ref: order[ref])
    found = [shelf.artefacts[ref] for ref in refs]
    if question.items:
        found = [_items(one, question.items, matched) for one in found]
    stubs: frozenset[Ref] = frozenset()
    if question.detail in {"allstubs", "allcompletestubs"}:
        stubs = frozenset(refs)
    elif question.detail in {"referencestubs", "referencecompletestubs"}:
        stubs = frozenset(refs) - frozenset(matched)
    elif question.detail == "referencepartial":
        found = _partial(shelf, found, frozenset(matched))
    return Answer(artefacts=tuple(found), stubs=stubs)


def _listed(words: Iterable[str]) -> str:
    return shown("+".join(sorted(words)))[1:-1]


def _matches(ref: Ref, question: Question) -> bool:
    return (
        ref.kind in question.kinds
        and _in(ref.agency, question.agencies, ANY)
        and _in(ref.id, question.ids, ANY)
        and _in(ref.version, {_whole(one) for one in question.versions}, LATEST)
    )


def _in(value: str, wanted: Iterable[str], every: frozenset[str]) -> bool:
    found = frozenset(wanted)
    return value in found or bool(found & every)


def _whole(version: str) -> str:
    """``1.0`` and ``1.0+`` and so on mean our one version where they fit it."""
    parts = version.replace("+", "").split(".")
    return "1.0.0" if parts in (["1"], ["1", "0"], ["1", "0", "0"]) else version


def _brought(
    shelf: Shelf, matched: Iterable[Ref], wanted: frozenset[str]
) -> frozenset[Ref]:
    """What comes with the matched artefacts."""
    start = frozenset(matched)
    found: set[Ref] = set()
    for word in wanted:
        match word:
            case "none":
                continue
            case "children":
                found |= _step(start, shelf.children)
            case "descendants":
                found |= _far(start, shelf.children)
            case "parents":
                found |= _step(start, shelf.parents)
            case "ancestors":
                found |= _far(start, shelf.parents)
            case "parentsandsiblings":
                found |= _siblings(shelf, start)
            case "all":
                found |= _siblings(shelf, start) | _far(start, shelf.children)
            case _:
                every = _siblings(shelf, start) | _far(start, shelf.children)
                found |= {ref for ref in every if ref.kind is KINDS.get(word)}
    return frozenset(found)


def _siblings(shelf: Shelf, start: frozenset[Ref]) -> frozenset[Ref]:
    parents = _step(start, shelf.parents)
    return parents | _step(parents, shelf.children)


def _step(start: Iterable[Ref], one: Callable[[Ref], Iterable[Ref]]) -> frozenset[Ref]:
    return frozenset(found for ref in start for found in one(ref))


def _far(start: frozenset[Ref], one: Callable[[Ref], Iterable[Ref]]) -> frozenset[Ref]:
    found: frozenset[Ref] = frozenset()
    edge = start
    while edge:
        edge = _step(edge, one) - found
        found |= edge
    return found


def _items(one: Artefact, wanted: frozenset[str], matched: Iterable[Ref]) -> Artefact:
    if one.ref not in matched or not isinstance(one, Scheme):
        return one
    kept = {id_: name for id_, name in one.items.items() if id_ in wanted}
    if not kept:
        raise nothing(f"{one.ref.short} has no item {_listed(wanted)}")
    return replace(one, items=kept, partial=True)


def _limits(shelf: Shelf) -> dict[Ref, Constraint]:
    """The constraint on each data structure's data."""
    found = {}
    for one in shelf.artefacts.values():
        flow = shelf.flow(one.flow) if isinstance(one, Constraint) else None
        if isinstance(one, Constraint) and flow is not None:
            found[flow.structure] = one
    return found


def _partial(
    shelf: Shelf, found: Iterable[Artefact], matched: frozenset[Ref]
) -> list[Artefact]:
    """Schemes with the items that occur: codes with data, concepts that are used."""
    listed = list(found)
    near = {one.ref for one in listed} | _far(matched, shelf.children)
    structures = [shelf.artefacts[ref] for ref in near if ref.kind is Kind.STRUCTURE]
    limited = _limits(shelf)
    used: dict[Ref, set[str]] = {}
    for structure in structures:
        if not isinstance(structure, Structure):
            continue
        limits = limited.get(structure.ref)
        for item in structure.components:
            used.setdefault(structure.concepts, set()).add(item.id)
            if item.codelist is not None:
                codes = item.codes
                if limits is not None and item.id in limits.values:
                    codes = dict.fromkeys(limits.values[item.id], structure.name)
                used.setdefault(item.codelist, set()).update(codes)
    made: list[Artefact] = []
    for one in listed:
        if isinstance(one, Scheme) and one.ref in used and one.ref not in matched:
            items = {
                id_: name for id_, name in one.items.items() if id_ in used[one.ref]
            }
            partial = one.partial or len(items) < len(one.items)
            made.append(replace(one, items=items, partial=partial))
        else:
            made.append(one)
    return made
