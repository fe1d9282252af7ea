"""From records to facts: which person each of them is, before and after a batch.

Rules:

- A signature is in the register as long as any live record has it, shadowed or not.
- A fact ends with the person it had and begins with the person it has now. When a
  signature moves to another person, all its facts move: retract, add.
- A record without a signature (domain NONE) is its own person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import polars as pl

from hub.core.dedupe import entries
from hub.core.dedupe.changes import Fold
from hub.core.dedupe.desk import Desk
from hub.core.dedupe.guests import known
from hub.core.dedupe.ledger import INDEX, RECORDS, Batch, Turn
from hub.core.dedupe.register import Revision, person_in, revise
from hub.core.persons import Rules


def resolve(
    desk: Desk, rows: pl.DataFrame, batch: Batch, rules: Rules
) -> tuple[Fold, Counter[str]]:
    """The changes of a batch that is in the ledger, and what became of persons."""
    turn = batch.turn
    heads = known(desk, _touched(batch))
    before = {signature: person_in(entry) for signature, entry in heads.items()}
    revision = _revise(desk, rows, turn, heads, rules)
    after = before | revision.persons
    after.update((sign, person) for sign, (_, person) in revision.moved.items())

    minus = [
        (
            record,
            _person(before, record, entries.signature_of(entry)),
            entries.blob_of(entry),
        )
        for record, entry in turn.gone.items()
    ]
    plus = [
        (
            record,
            _person(after, record, entries.signature_of(entry)),
            entries.blob_of(entry),
        )
        for record, entry in turn.back.items()
    ]
    for record, blob, (was, now) in _moved(desk, batch, revision):
        minus.append((record, was, blob))
        plus.append((record, now, blob))
    chosen = rows if len(turn.rows) == rows.height else rows[turn.rows]
    records, signatures = batch.records, batch.signatures
    persons = [
        records[place] if (signature := signatures[place]) is None else after[signature]
        for place in turn.rows
    ]
    fold = Fold(minus=minus, rows=chosen, persons=persons, plus=plus)
    return fold, revision.counts


def _touched(batch: Batch) -> set[bytes]:
    """Signatures whose person matters for this batch."""
    turn = batch.turn
    touched = turn.left.union(turn.entered)
    for entry in (*turn.gone.values(), *turn.back.values()):
        signature = entries.signature_of(entry)
        if signature is not None:
            touched.add(signature)
    touched.update(
        signature
        for place in turn.rows
        if (signature := batch.signatures[place]) is not None
    )
    return touched


def _revise(
    desk: Desk,
    rows: pl.DataFrame,
    turn: Turn,
    heads: dict[bytes, bytes],
    rules: Rules,
) -> Revision:
    # By signature: which row of many brought one is chance, and state shows an order.
    added = {sign: turn.entered[sign] for sign in sorted(turn.entered.keys() - heads)}
    removed = {
        signature: heads[signature]
        for signature in turn.left
        if not desk.occupied(INDEX + signature)
    }
    places = list(added.values())
    keys = rows["keys"].gather(places).to_list() if places else []
    return revise(desk, dict(zip(added, keys, strict=True)), removed, rules)


def _moved(
    desk: Desk, batch: Batch, revision: Revision
) -> Iterable[tuple[bytes, bytes, tuple[bytes, bytes]]]:
    """Facts of this or earlier batches that have another person now."""
    turn = batch.turn
    told = {batch.records[place] for place in turn.rows}.union(turn.gone, turn.back)
    found = [
        (record, persons)
        for signature, persons in revision.moved.items()
        for record in desk.members(INDEX + signature)
        if record not in told
    ]
    stored = desk.get_many([RECORDS + record for record, _ in found])
    for (record, persons), entry in zip(found, stored, strict=True):
        if entries.counts(entry):
            yield record, entries.blob_of(entry), persons


def _person(
    persons: dict[bytes, bytes], record: bytes, signature: bytes | None
) -> bytes:
    return record if signature is None else persons[signature]
