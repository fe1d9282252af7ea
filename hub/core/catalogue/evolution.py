"""Schemas across versions: whoever reads one version reads all of them.

Rules (docs/catalogue.md, "Changing"):

- FULL_TRANSITIVE: of every two versions of a schema each reads what the other wrote.
  Not of neighbours only: batches of the first version lie in the log for years.
- A registered text never changes: containers carry it, and it is compared byte for
  byte. What is to be other is the next version.
- A field that is in two versions has one type, role and kind; one that is not in both
  may be absent: nullable, null by default, not required.
- No type contains itself: what a decoder does has a bound.

Pure: the edge reads folders, this module gets texts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from hub.core.catalogue.schemas import canonical
from hub.core.errors import InvalidError

_SAME = ("type", "role", "kind")
DEPTH_MAX = 16


def breaks(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Every breach in one sentence each, empty where `new` may follow `old`.

    Args:
        old: Schema id (``border_crossing.v1``) → JSON text, of what was in use.
        new: The same of what is to come.

    Raises:
        InvalidError: A text is no JSON.
    """
    found = [*_gone(old, new)]
    both = {**old, **new}
    parsed = {name: _parsed(name, text) for name, text in sorted(both.items())}
    for name, schema in parsed.items():
        found += _recursive(name, schema)
    families: dict[str, list[str]] = defaultdict(list)
    for name in parsed:
        families[name.partition(".")[0]].append(name)
    for names in families.values():
        for one, other in combinations(names, 2):
            found += _between(one, parsed[one], other, parsed[other])
    return found


def _gone(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old):
        if name not in new:
            yield f"schemas/{name}: removed; batches in the log are written with it"
        elif canonical(old[name]) != canonical(new[name]):
            family, _, version = name.partition(".v")
            later = f"{family}.v{int(version) + 1}" if version.isdigit() else "another"
            yield f"schemas/{name}: its registered text changed; make {later} of it"


def _between(
    one: str, first: Mapping[str, Any], other: str, second: Mapping[str, Any]
) -> Iterator[str]:
    """What keeps two versions from reading each other."""
    if first.get("type") != "record" or second.get("type") != "record":
        return
    fields = {field["name"]: field for field in first["fields"]}
    others = {field["name"]: field for field in second["fields"]}
    for name in fields.keys() & others.keys():
        for what in _SAME:
            before, after = fields[name].get(what), others[name].get(what)
            if before != after:
                yield f"schemas/{other}: field {name} has another {what} than in {one}"
    for here, there, mine in ((one, other, fields), (other, one, others)):
        for name in sorted(mine.keys() - (others if mine is fields else fields).keys()):
            if not _absent(mine[name]):
                yield (
                    f"schemas/{here}: field {name} is not in {there}, so it has to be "
                    "nullable, null by default and not required"
                )


def _absent(field: Mapping[str, Any]) -> bool:
    """Whether a reader may go without a field."""
    kind = field.get("type")
    nullable = isinstance(kind, list) and kind[:1] == ["null"]
    return nullable and field.get("default", 0) is None and not field.get("required")


def _recursive(name: str, schema: object) -> Iterator[str]:
    inside = _self_containing(schema, ())
    if inside:
        yield f"schemas/{name}: {inside} contains itself; write it flat"


def _self_containing(kind: object, around: tuple[str, ...]) -> str:
    """The name of a type that contains itself, or nothing."""
    if len(around) > DEPTH_MAX:
        return around[0]
    if isinstance(kind, str):
        return kind if kind in around else ""
    if isinstance(kind, list):
        return next(filter(None, (_self_containing(k, around) for k in kind)), "")
    if not isinstance(kind, dict):
        return ""
    within = around
    if kind.get("type") == "record":
        within = (*around, str(kind.get("name", "")))
    parts = [kind[key] for key in ("items", "values") if key in kind]
    parts += [field.get("type") for field in kind.get("fields", ())]
    if isinstance(kind.get("type"), dict | list):
        parts.append(kind["type"])
    return next(filter(None, (_self_containing(part, within) for part in parts)), "")


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"schemas/{name}: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidError(f"schemas/{name}: expected a record")
    return found
