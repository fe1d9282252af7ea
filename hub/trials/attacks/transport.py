"""Attacks of whoever watches: sizes, times and counts on the wire; keys across domains.

Rules (docs/attacks.md):

- An observer sees how many bytes an envelope has and when it came. A quiet day and a
  busy one must look alike to it; those of an open dataflow need not.
- Whoever holds rows of two domains sees pseudonyms. One person must not have one key in
  two of them.
"""

from __future__ import annotations

import random
from itertools import pairwise

import polars as pl

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.envelope.format import pack, size_class
from hub.core.identity.hashing import derive, keyed
from hub.trials.attacks.outcome import Outcome

OBSERVER = "whoever watches the brokers"
INSIDER = "whoever holds rows of two domains"
DAYS = 400
ROW_BYTES = 70
"""About what a row of a quiet dataflow takes."""
QUIET, BUSY = (0, 2), (8, 40)
"""Rows of a day on which little happened, and of one on which much did."""


def side_door(seed: int) -> Outcome:
    """13: was it a busy day? Told from the size of the day's batch."""
    source = random.Random(seed)  # noqa: S311 - days, no secret
    days = [
        (busy := source.random() < 0.5, source.randint(*(BUSY if busy else QUIET)))
        for _ in range(DAYS)
    ]

    def hits(padded: bool) -> list[bool]:
        sizes = []
        for _, rows in days:
            payload = bytes(300 + rows * ROW_BYTES)
            pad = size_class(len(payload)) if padded else 0
            sizes.append(len(pack(payload, pad)))
        middle = sorted(sizes)[len(sizes) // 2]
        return [
            (size > middle) == busy for size, (busy, _) in zip(sizes, days, strict=True)
        ]

    seen, plain = hits(padded=True), hits(padded=False)
    chance = max(sum(b for b, _ in days), DAYS - sum(b for b, _ in days)) / DAYS
    return Outcome(
        name="side-door counting",
        reader=OBSERVER,
        tries=len(seen),
        hits=sum(seen),
        twin_tries=len(plain),
        twin_hits=sum(plain),
        bound=chance,
        twin_bound=0.9,
    )


def linkage(catalogue: Catalogue) -> Outcome:
    """14: one person in two domains, found by equal keys."""
    domains = sorted(
        {one.domain for one in catalogue.dataflows.values()} - {Domain.NONE}
    )
    people = pl.DataFrame(
        {
            "member": ["TM/GOV/X/HUB"] * 500,
            "case_ref": [f"case-{at}" for at in range(500)],
        }
    )

    def keys(secret: bytes) -> set[bytes]:
        columns = [pl.col("member"), pl.col("case_ref")]
        return set(people.select(key=keyed(secret, "person", columns))["key"])

    root = b"one secret for every domain, no!"
    own = [keys(derive(root, f"domain/{domain}")) for domain in domains]
    same = [keys(root) for _ in domains]
    pairs = len(own) - 1
    return Outcome(
        name="linkage across domains",
        reader=INSIDER,
        tries=pairs * len(people),
        hits=sum(len(a & b) for a, b in pairwise(own)),
        twin_tries=pairs * len(people),
        twin_hits=sum(len(a & b) for a, b in pairwise(same)),
    )
