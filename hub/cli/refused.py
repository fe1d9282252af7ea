"""Refused rows in words: an account, one row with its fault marked, a correction.

Rules:

- What is said of a quiet dataflow holds no count.
- Texts and hints are those of the catalogue's reasons, in English, Russian or Turkmen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hub.core.catalogue.model import Catalogue, Field, Text
from hub.core.reasons import Reason
from hub.publisher.accounts import Account
from hub.publisher.entries import Held
from hub.publisher.mending import Mended

REASONS = "CL_REASONS"
CODES_MAX = 16
"""Codes of a list that are shown."""
_HOUR_MS = 3_600_000


def listed(
    catalogue: Catalogue, rows: Sequence[Held], now_ms: int
) -> list[dict[str, Any]]:
    """Rows by batch and reason, as objects; `now_ms` is the hub's time."""
    groups: Counter[tuple[Any, ...]] = Counter()
    for one in rows:
        key = (one.digest.hex(), one.dataflow, one.name, one.reason, one.field)
        groups[(*key, one.since_ms, one.state)] += 1
    return [
        {
            "batch": digest[:12],
            "dataflow": flow,
            "file": name,
            "reason": reason,
            "field": field,
            "state": state,
            "rows": None if catalogue.dataflows[flow].quiet else number,
            "age_seconds": max(now_ms - since, 0) // 1000,
        }
        for (digest, flow, name, reason, field, since, state), number in groups.items()
    ]


def account(one: Account, *, quiet: bool) -> dict[str, Any]:
    """The account of a dataflow as an object."""
    if quiet:
        return {"dataflow": one.dataflow, "quiet": True, "closed": not one.waiting}
    return {
        "dataflow": one.dataflow,
        "quiet": False,
        "closed": not one.waiting,
        "quarantined": one.quarantined,
        "open": one.open,
        "mended": one.mended,
        "resent": one.resent,
        "purged": one.purged,
        "absent": one.absent,
    }


def line(one: Account, *, quiet: bool) -> str:
    """The account of a dataflow as one line."""
    if quiet:
        state = "rows wait to be mended" if one.waiting else "every row is closed"
        return f"{one.dataflow}: {state} (a quiet dataflow)"
    parts = [
        f"{number:,} {word}"
        for word, number in (
            ("open", one.open),
            ("mended", one.mended),
            ("resent", one.resent),
            ("purged", one.purged),
            ("not here yet", one.absent),
        )
        if number
    ]
    return f"{one.dataflow}: {one.quarantined:,} quarantined = {' + '.join(parts)}"


def age(milliseconds: int) -> str:
    """How old something is, in hours or days."""
    hours = milliseconds // _HOUR_MS
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h"


def shown(catalogue: Catalogue, one: Held, values: Mapping[str, Any]) -> dict[str, Any]:
    """One row as an object: what it says, what is wrong with it, how to mend it."""
    reasons = catalogue.codelists[REASONS]
    fields = {field.name: field for field in catalogue.dataflows[one.dataflow].fields}
    named = fields.get(one.field)
    return {
        "row": one.reference,
        "dataflow": one.dataflow,
        "file": one.name,
        "record_id": one.record,
        "state": one.state,
        "reason": one.reason,
        "field": one.field,
        "text": texts(reasons.codes[one.reason]),
        "hint": texts(reasons.hints[one.reason]),
        "codelist": named.codelist if named else None,
        "codes": _codes(catalogue, named) if one.reason == Reason.CODE else [],
        "values": {
            name: value if value is None else str(value)
            for name, value in values.items()
        },
    }


def _codes(catalogue: Catalogue, named: Field | None) -> list[str]:
    """The first codes that would do."""
    if named is None or named.codelist is None:
        return []
    codes = list(catalogue.codelists[named.codelist].codes)
    return codes if len(codes) <= CODES_MAX else [*codes[:CODES_MAX], "…"]


def texts(text: Text) -> dict[str, str]:
    """A text in its three languages."""
    return {"en": text.en, "ru": text.ru, "tk": text.tk}


def block(one: Mapping[str, Any], lang: str) -> str:
    """One row for a person, the faulty field marked."""
    codes = one["codes"]
    lists = f" ({one['codelist']}: {', '.join(codes)})" if codes else ""
    head = f"{one['dataflow']} {one['row']} ({one['file']})"
    lines = [
        f"{head}: {one['reason']} {one['field']}",
        f"  {one['text'][lang]}{lists}",
        f"  {one['hint'][lang]}",
    ]
    for name, value in one["values"].items():
        mark = ">" if name == one["field"] else " "
        if value is not None or mark == ">":
            lines.append(f"  {mark} {name:24} {'' if value is None else value}")
    return "\n".join(lines)


def still_wrong(done: Mended) -> tuple[list[dict[str, Any]], list[str]]:
    """What a correction left undone, as objects and as lines."""
    failing = [
        {"row": one.reference, "reason": bad.reason.value, "field": bad.field}
        for one, bad in done.failing
    ]
    rejected = [
        {"row": one.row, "column": one.column, "what": one.what, "mend": one.mend}
        for one in done.rejected
    ]
    lines = [
        *(
            f"  {one['row']} still fails: {one['reason']} {one['field']}"
            for one in failing
        ),
        *(
            f"  row {one['row']} of the file, {one['column']}: {one['what']}; "
            f"{one['mend']}"
            for one in rejected
        ),
    ]
    return [*failing, *rejected], lines
