"""Terms of a table from its file: conditions, components, joins, closings, residence.

Rules (docs/catalogue.md, "A table"):

- A key that nobody asked for is refused, here as everywhere (:class:`Node`).
- Fields are looked up by the caller's dataflow where it is known here, else in
  :mod:`hub.core.catalogue.check_phrases`, which sees the whole catalogue.
"""

from __future__ import annotations

from hub.core.catalogue.reading import Node
from hub.core.catalogue.terms import (
    Closing,
    Component,
    Condition,
    Joined,
    Pair,
    Residence,
    Sdg,
)

WITHIN = "within_days"
OPERATORS = (
    *("eq", "ne", "in", "not_in", "null", "not_null", "le", "ge", "lt", "gt"),
    WITHIN,
)
EVENTS = ("immigration", "emigration", "visit", "stay")
AWAY_DAYS = 30


def read_conditions(node: Node, name: str) -> tuple[Condition, ...]:
    """A list of conditions, and-ed."""
    conditions = []
    for item in node.nodes(name):
        field = item.string("field")
        operator = item.choice("op", OPERATORS)
        value = item.literal("value")
        several = operator in {"in", "not_in"}
        if operator in {"null", "not_null"}:
            if value is not None:
                item.complain(
                    "value", f"no value beside {operator}", value, "remove it"
                )
        elif value is None or several != isinstance(value, tuple):
            expected = "a list" if several else "one value"
            item.complain("value", f"{expected} for {operator}", value, "write it so")
        of = item.string("of") if operator == WITHIN else None
        item.done()
        conditions.append(Condition(field=field, op=operator, value=value, of=of))
    return tuple(conditions)


def read_component(node: Node, name: str) -> Component | None:
    """One side of a rate, or None where the key is absent."""
    if name not in node:
        return None
    item = node.node(name)
    where = item.node("where")
    component = Component(
        table=item.string("table"),
        where={id_: where.strings(id_) for id_ in where.names()},
    )
    item.done()
    return component


def read_parts(node: Node) -> tuple[Pair, ...]:
    """The pairs of a stacked ratio."""
    pairs = []
    for item in node.nodes("parts"):
        code = item.string("code")
        sides = [read_component(item, name) for name in ("numerator", "denominator")]
        for name, side in zip(("numerator", "denominator"), sides, strict=True):
            if side is None:
                item.complain(name, "a component", None, f"add {name} = {{ … }}")
        above, below = sides
        assert above is not None  # noqa: S101 - complained above
        assert below is not None  # noqa: S101 - complained above
        item.done()
        pairs.append(Pair(code=code, numerator=above, denominator=below))
    return tuple(pairs)


def read_joined(node: Node) -> Joined | None:
    """The other fact that a fact needs, or None where the key is absent."""
    if "joined" not in node:
        return None
    item = node.node("joined")
    joined = Joined(
        dataflow=item.string("dataflow"),
        time=item.string("time"),
        where=read_conditions(item, "where"),
        within_days=item.integer("within_days"),
    )
    item.done()
    return joined


def read_closes(node: Node) -> tuple[Closing, ...]:
    """What ends the stays of a stock."""
    found = []
    for item in node.nodes("closes"):
        found.append(
            Closing(
                dataflow=item.string("dataflow"),
                time=item.string("time"),
                where=read_conditions(item, "where"),
                final=item.boolean("final", default=False),
            )
        )
        item.done()
    return tuple(found)


def read_residence(node: Node) -> Residence | None:
    """What a table counts of crossings, or None where the key is absent."""
    if "residence" not in node:
        return None
    item = node.node("residence")
    below = item.integer("below_days") if "below_days" in item else None
    residence = Residence(
        event=item.choice("event", EVENTS),
        direction=item.string("direction"),
        inward=item.string("inward"),
        declared=item.optional("declared"),
        home=read_conditions(item, "home"),
        settled=read_conditions(item, "settled"),
        away_days=item.integer("away_days", AWAY_DAYS),
        least_days=item.integer("least_days", 0),
        below_days=below,
    )
    item.done()
    return residence


def read_texts(node: Node, name: str) -> tuple[tuple[str, str], ...]:
    """A table of texts in file order, such as code → field; absent means empty."""
    if name not in node:
        return ()
    entries = node.node(name)
    found = tuple((key, entries.string(key)) for key in entries.names())
    if not found:
        node.complain(name, "at least one entry", None, "fill it or remove it")
    return found


def read_sdg(node: Node) -> Sdg | None:
    """How a table stands among the SDG indicators, or None where it does not."""
    if "sdg" not in node:
        return None
    item = node.node("sdg")
    sdg = Sdg(
        series=dict(read_texts(item, "series")),
        dimension=item.optional("dimension"),
        age=item.optional("age"),
        composite=item.string("composite", "_T"),
        sex=item.boolean("sex", default=True),
        differs=item.boolean("differs", default=False),
    )
    item.done()
    return sdg
