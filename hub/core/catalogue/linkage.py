"""Who is one person, from ``linkage.toml``: read and checked.

Rules:

- Every linkage domain but NONE has a table; a composite is a list of components, a
  component a field of the domain's block in a form, or components in one.
- Tiers ascend and stay below the marks that the hub makes itself.
- No composite is a birth date alone: a day is shared by hundreds.
- Only the strongest composite may keep people apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from hub.core.catalogue.check_flows import BLOCK_P, BLOCK_U
from hub.core.catalogue.model import Domain
from hub.core.catalogue.reading import Node, complain, near
from hub.core.identity.composites import Component, Composite, Linkage, Placeholders
from hub.core.identity.forms import FORMS, spelt
from hub.core.persons import TIER_NONE

FILE = "linkage.toml"
CAP_MAX = 256
"""Bounds a list of holders in state, and what one look-up may cost."""

LENGTH_MAX = 20
DIGITS_MIN_MAX = 8


def read_linkage(parsed: Mapping[str, Any]) -> dict[Domain, Linkage]:
    """The linkage of every domain.

    Args:
        parsed: The parsed file.
    """
    node = Node(FILE, parsed)
    linked = [domain for domain in Domain if domain != Domain.NONE]
    for name in node.names():
        if name not in linked:
            mend = near(name, [domain.value for domain in linked])
            node.complain(name, "a domain with persons", name, mend)
    found: dict[Domain, Linkage] = {}
    for domain in linked:
        if domain not in node:
            node.complain(domain, "a table", None, f"add [{domain}]")
        fields = BLOCK_P if domain is Domain.MOBILITY else ("member", *BLOCK_U)
        found[domain] = _domain(node.node(domain), fields)
    return found


def _domain(node: Node, fields: tuple[str, ...]) -> Linkage:
    cap = node.integer("cap")
    if not 1 <= cap <= CAP_MAX:
        node.complain("cap", f"1 to {CAP_MAX}", cap, "64 is a good one")
    components = _components(node.node("components"), fields)
    composites = _composites(node, components)
    _all_used(node, components, composites)
    linkage = Linkage(
        cap=cap,
        composites=composites,
        placeholders=_placeholders(node.node("placeholders")),
    )
    node.done()
    return linkage


def _placeholders(node: Node) -> Placeholders:
    digits = node.integer("digits_min", 1)
    if not 1 <= digits <= DIGITS_MIN_MAX:
        expected = f"1 to {DIGITS_MIN_MAX}"
        node.complain("digits_min", expected, digits, "most numbers have six or more")
    dates = []
    for index, text in enumerate(node.strings("birth_dates")):
        try:
            dates.append(date.fromisoformat(text))
        except ValueError:
            place = f"birth_dates[{index}]"
            node.complain(place, "a date", text, 'write it as "1900-01-01"')
    names = node.strings("names")
    for index, name in enumerate(names):
        if name != "".join(filter(str.isalpha, name.lower())):
            mend = "leave out blanks, signs and capitals"
            node.complain(f"names[{index}]", "lower-case letters", name, mend)
    numbers = spelt(pl.Series(node.strings("numbers"), dtype=pl.String)).to_list()
    node.done()
    return Placeholders(
        digits_min=digits,
        numbers=frozenset(numbers),
        dates=tuple(dates),
        names=frozenset(names),
    )


def _components(node: Node, fields: tuple[str, ...]) -> dict[str, Component]:
    """Components by name; one may be made only of those that stand above it."""
    found: dict[str, Component] = {}
    for name in node.names():
        one = node.node(name)
        word = one.choice("form", FORMS)
        form = FORMS[word]
        names = one.strings("of")
        for index, other in enumerate(names):
            if other not in found:
                expected = "a component that stands above"
                one.complain(f"of[{index}]", expected, other, near(other, found))
        if len(names) != form.of:
            expected = f"{form.of} components" if form.of else "a field, no components"
            one.complain("of", f"{expected} for {word}", names, "write as many")
        length = one.integer("length") if form.length else 0
        if form.length and not 1 <= length <= LENGTH_MAX:
            one.complain("length", f"1 to {LENGTH_MAX}", length, "3 is a good one")
        found[name] = Component(
            form=word,
            fields=() if form.of else (_field(one, word, fields),),
            of=tuple(found[other] for other in names),
            length=length,
            only=one.strings("only") if word == "code" else (),
        )
        one.done()
    return found


def _field(node: Node, word: str, fields: tuple[str, ...]) -> str:
    field = node.choice("field", fields)
    claimed = {name for form in FORMS.values() for name in form.fields}
    fits = FORMS[word].fields or tuple(set(fields) - claimed)
    if field not in fits:
        able = [n for n, f in FORMS.items() if field in f.fields] or ["code"]
        node.complain(
            "form", f"a form for {field}", word, f"known: {', '.join(sorted(able))}"
        )
    return field


def _composites(
    node: Node, components: Mapping[str, Component]
) -> tuple[Composite, ...]:
    found: list[Composite] = []
    for one in node.nodes("composites"):
        tier = one.integer("tier")
        least = found[-1].tier + 1 if found else 0
        if not least <= tier < TIER_NONE:
            expected = f"{least} to {TIER_NONE - 1}, ascending"
            one.complain("tier", expected, tier, "number them in order of strength")
        names = one.strings("components")
        for index, name in enumerate(names):
            if name not in components:
                place = f"components[{index}]"
                one.complain(place, "a component", name, near(name, components))
        parts = tuple(components[name] for name in names)
        if not frozenset().union(*(part.sources for part in parts)) - {"birth_date"}:
            expected = "more than a birth date"
            one.complain("components", expected, list(names), "add a component")
        exclusive = one.boolean("exclusive", default=False)
        if exclusive and tier:
            expected = "false but for tier 0"
            one.complain("exclusive", expected, exclusive, "remove it")
        found.append(Composite(tier=tier, components=parts, exclusive=exclusive))
        one.done()
    if not found:
        node.complain("composites", "at least one", None, "add [[….composites]]")
    texts = [one.text for one in found]
    for index, text in enumerate(texts):
        if text in texts[:index]:
            place = f"{node.key}.composites[{index}].components"
            mend = f"tier {found[texts.index(text)].tier} has them; remove one"
            complain(FILE, place, "other components", text, mend)
    return tuple(found)


def _all_used(
    node: Node,
    components: Mapping[str, Component],
    composites: tuple[Composite, ...],
) -> None:
    used = Linkage(cap=1, composites=composites).components
    for name, one in components.items():
        if one.text not in used:
            expected = "a component that a composite names"
            node.complain(f"components.{name}", expected, name, "remove it")
