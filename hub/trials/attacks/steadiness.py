"""Attacks that make the hub say the same thing twice, and compare.

Rules (docs/attacks.md): a figure may depend on the set it speaks of and on the secret,
and on nothing else; whatever can be varied is varied here.
"""

from __future__ import annotations

import random
from fractions import Fraction

from hub.core.catalogue import lint
from hub.core.catalogue.model import Catalogue
from hub.core.disclosure.figures import Place
from hub.core.messages import Close
from hub.core.observation import Codec, schema
from hub.core.release import publish
from hub.core.state import Memory, Overlay
from hub.trials.attacks.outcome import Outcome
from hub.trials.attacks.scene import (
    SECRET,
    Person,
    Scene,
    Vintage,
    population,
    release,
)

ROUNDS = 12
MEMBER = "a member with every vintage"


def redraw(catalogue: Catalogue, scene: Scene, seed: int) -> Outcome:
    """5: the same set, published again and again, averaged over its noises."""
    people = population(catalogue, scene.table, seed)

    def hits(secrets: list[bytes]) -> list[bool]:
        told: dict[Place, list[Fraction]] = {}
        last: Vintage | None = None
        overlay = Overlay(Memory())
        for secret in secrets:
            # Without protection nothing remembers what was said before.
            fresh = overlay if len(set(secrets)) == 1 else Overlay(Memory())
            last = release(catalogue, scene.table, people, fresh, secret)
            for place, figure in last.seen.items():
                if figure.value is not None and place.sex in {"F", "M"}:
                    told.setdefault(place, []).append(figure.value)
        assert last is not None  # noqa: S101 - there is a secret at least
        return [
            round(sum(values, Fraction(0)) / len(values)) == last.truth[place].n
            for place, values in told.items()
            if last.truth[place].n > scene.rule.d
        ]

    once = hits([SECRET] * ROUNDS)
    often = hits([bytes([at]) * 32 for at in range(1, ROUNDS + 1)])
    return Outcome(
        name="averaging over vintages and keys",
        reader=MEMBER,
        tries=len(once),
        hits=sum(once),
        twin_tries=len(often),
        twin_hits=sum(often),
        # No better than one figure: the chance of no noise at all in a large count.
        bound=0.23,
        twin_bound=0.4,
    )


def retraction(catalogue: Catalogue, scene: Scene, seed: int) -> Outcome:
    """6: somebody is added and taken out again; has any figure moved?"""
    people = population(catalogue, scene.table, seed)
    guest = Person(number=1 << 127, sex="F", d1=people[0].d1, d2=people[0].d2)

    def moved(steps: list[list[Person]], *, fresh: bool) -> list[bool]:
        overlay = Overlay(Memory())
        first = release(catalogue, scene.table, steps[0], overlay, SECRET)
        for at, step in enumerate(steps[1:], 1):
            secret = bytes([at]) * 32 if fresh else SECRET
            last = release(catalogue, scene.table, step, overlay, secret)
        return [
            first.seen[place].value != last.seen[place].value
            for place in first.seen.keys() & last.seen.keys()
            if first.seen[place].value is not None and first.truth[place].n
        ]

    steps = [people, [*people, guest], people]
    held, drawn = moved(steps, fresh=False), moved(steps, fresh=True)
    return Outcome(
        name="added and retracted",
        reader=MEMBER,
        tries=len(held),
        hits=sum(held),
        twin_tries=len(drawn),
        twin_hits=sum(drawn),
    )


def order(catalogue: Catalogue, scene: Scene, seed: int) -> Outcome:
    """7: the same people in another order, from 1, 3 or 12 partitions."""
    people = population(catalogue, scene.table, seed)
    first = release(catalogue, scene.table, people, Overlay(Memory()), SECRET)
    source = random.Random(seed)  # noqa: S311 - an order, no secret
    differ = []
    others = []
    for parts in (1, 3, 12):
        mixed = list(people)
        source.shuffle(mixed)
        split = [one for at in range(parts) for one in mixed[at::parts]]
        again = release(catalogue, scene.table, split, Overlay(Memory()), SECRET)
        differ += [again.seen[at].value != first.seen[at].value for at in first.seen]
        # A float of a sum of fractions, as noise by `mod 1` keys would have it.
        keys = [one.number / 2**120 % 1 for one in split]
        others.append(sum(keys) % 1 != sum(one.number / 2**120 for one in people) % 1)
    return Outcome(
        name="order and partitions",
        reader=MEMBER,
        tries=len(differ),
        hits=sum(differ),
        twin_tries=len(others),
        twin_hits=sum(others),
    )


def nested(catalogue: Catalogue) -> Outcome:
    """4: windows inside windows; readings of one count beyond its budget."""
    found = lint.overruns(catalogue)
    tables = {
        name: table
        for name, table in catalogue.tables.items()
        if not table.internal and table.policy in lint.NOISY
    }
    doubled = lint.overruns(lint.nested(catalogue))
    return Outcome(
        name="nested windows",
        reader=MEMBER,
        tries=len(tables),
        hits=len(found),
        twin_tries=1,
        twin_hits=min(1, len(doubled)),
    )


def leaks(catalogue: Catalogue, scene: Scene) -> Outcome:
    """9: a true count, a key or a step anywhere in what members get."""
    table = catalogue.tables[scene.table.id]
    codec = Codec(table)
    close = Close(
        marker=b"m" * 16,
        vintage="P",
        tables=(table.id,),
        period="2025",
        created_ms=0,
        key_id="control",
    )
    hits = tries = twins = 0
    for one in scene.vintages:
        found = publish.observations(catalogue, table, close, one.seen)
        values = b"".join(codec.encode(figure) for figure in found)
        for cell in {c.key: c for c in one.truth.values() if c.n}.values():
            tries += 1
            needles = (
                str(cell.key).encode(),
                f"{cell.key:x}".encode(),
                cell.key.to_bytes(8, "big"),
                cell.key.to_bytes(8, "little"),
            )
            hits += any(needle in values for needle in needles)
            twins += needles[2] in values + needles[2]
    words = {"n", "key", "total", "pvalue", "ckey", "noise", "true"}
    hits += sum(f'"name":"{word}"' in schema(table).lower() for word in words)
    return Outcome(
        name="leak scan",
        reader=MEMBER,
        tries=tries,
        hits=hits,
        twin_tries=tries,
        twin_hits=twins,
    )
