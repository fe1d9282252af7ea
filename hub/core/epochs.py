"""Epochs: what keys are called, how old they are, when they are due.

Rules (envelope-v1 §2, §11; docs/keys.md):

- A key's id ends in the month it was made, ``hub-2026-11``; a second one of a month is
  ``hub-2026-11b``, and so on to z. So ids in order are keys in order of age.
- A clock that went back makes no older name: the next key stands behind the last.
- A lifetime says when a key is due for rotation. Nothing stops working then: a hub
  that fell silent because nobody rotated would lose more than it protects.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime

from hub.core.errors import InvalidError

DAY_MS = 86_400_000
_ID = re.compile(r"(?P<stem>.+)-(?P<month>\d{4}-\d{2})(?P<letter>[b-z]?)", re.ASCII)

MONTH_DAYS = 31
YEAR_DAYS = 397
LIFETIME_DAYS = {
    "hub": MONTH_DAYS,
    "internal": MONTH_DAYS,
    "sign": YEAR_DAYS,
    "seal": YEAR_DAYS,
    "receipt": YEAR_DAYS,
    "statement": YEAR_DAYS,
    "release": YEAR_DAYS,
    "control": YEAR_DAYS,
}
"""Days until a key of a use is due; what is not here is never rotated, only re-keyed.

``hub`` is the sealing key of the hub: what an epoch protects can be destroyed with it,
so epochs are short. ``seal`` are members' own."""


def month(now_ms: int) -> str:
    """The month of a moment, ``2026-11``."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m")


def following(stem: str, taken: Collection[str], now_ms: int) -> str:
    """The id of the next key called `stem`, behind all that are taken.

    Raises:
        InvalidError: A month has no 26th key; the clock, or the caller, is wrong.
    """
    known = [found for one in taken if (found := _ID.fullmatch(one))]
    last = max(
        ((one["month"], one["letter"]) for one in known if one["stem"] == stem),
        default=("", ""),
    )
    now = month(now_ms)
    if now > last[0]:
        return f"{stem}-{now}"
    if last[1] == "z":
        raise InvalidError(f"{stem}: {last[0]} has 26 keys already")
    letter = chr(ord(last[1] or "a") + 1)
    return f"{stem}-{last[0]}{letter}"


def is_of(key_id: str, stem: str) -> bool:
    """Whether an id is one that :func:`following` gives to keys called `stem`."""
    found = _ID.fullmatch(key_id)
    return found is not None and found["stem"] == stem and began_ms(key_id) > 0


def began_ms(key_id: str) -> int:
    """Begin of the month that a key's id names; 0 if it names none."""
    found = _ID.fullmatch(key_id)
    if found is None:
        return 0
    try:
        began = datetime.strptime(found["month"], "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return round(began.timestamp() * 1000)


def days_left(kind: str, since_ms: int, now_ms: int) -> int | None:
    """Whole days until a key is due, negative when it is overdue; None: never.

    Args:
        kind: A key of :data:`LIFETIME_DAYS`, or any other word for a lasting secret.
        since_ms: When it began.
        now_ms: The present.
    """
    lifetime = LIFETIME_DAYS.get(kind)
    if lifetime is None:
        return None
    return (since_ms + lifetime * DAY_MS - now_ms) // DAY_MS
