"""Proofs: what goes beside a file of figures, so that it can be verified offline.

Rules (docs/disclosure.md, "What is published"):

- A proof holds signed manifests, and the leaf of each figure that they cover. It holds
  no key: whom to trust comes from elsewhere, or anybody could sign.
- The leaves of a release must hash to the digest its manifest signs; then each figure
  of the file is held against its own leaf. So a changed figure is named, and one that
  is missing or too many as well.
- The column that was changed is named too: values of short lists (a status, a
  vintage) are tried until the signed one is found.
- A release that was taken back is said to be; its figures may still be genuine.

Invariant: without a finding, the figures are exactly those that the hub signed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.core import observation
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry
from hub.core.observation import Observation, Vintage

RELEASE, WITHDRAW = "release", "withdraw"
_FORM = "kerwen proof 1"
_CHOICES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "status": ("OBS_STATUS", ("O", "Q", "D", "B", "P", "A")),
    "conf": ("CONF_STATUS", ("F", "A", "D", "O", "N")),
    "vintage": ("VINTAGE", ("P", "R", "F")),
}

Place = tuple[str, str]
"""Table, and marker in hexadecimal."""

Spot = tuple[str, str]
"""Series and period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not hold.

    Attributes:
        kind: signature, list, changed, missing, extra, twice or withdrawn.
        where: Table, release, series, period: as much as applies.
        field: The column that was changed, where that can be told; else "".
        text: One sentence.
    """

    kind: str
    where: str
    field: str = ""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Manifests in the order of the log, and the leaves of each release."""

    manifests: tuple[Vintage, ...]
    leaves: Mapping[Place, Mapping[Spot, bytes]] = field(repr=False)


def of(manifests: Iterable[Vintage], found: Iterable[Observation]) -> Proof:
    """The proof of figures that were verified."""
    leaves: dict[Place, dict[Spot, bytes]] = {}
    for one in found:
        spot = (one.series, one.period)
        leaves.setdefault((one.table, one.release), {})[spot] = observation.leaf(one)
    return Proof(manifests=tuple(manifests), leaves=leaves)


def dumps(proof: Proof) -> str:
    """The JSON text of a proof."""
    content = {
        "form": _FORM,
        "manifests": [_b64(observation.encode(one)) for one in proof.manifests],
        "leaves": {
            f"{table}|{release}": {
                f"{series}|{period}": _b64(leaf)
                for (series, period), leaf in spots.items()
            }
            for (table, release), spots in proof.leaves.items()
        },
    }
    return json.dumps(content, indent=1) + "\n"


def loads(text: str) -> Proof:
    """The proof in a JSON text; raises InvalidError."""
    try:
        content = json.loads(text)
        if content["form"] != _FORM:
            raise InvalidError(f"the proof is not of the form {_FORM!r}")
        return Proof(
            manifests=tuple(
                observation.decode(base64.b64decode(one, validate=True))
                for one in content["manifests"]
            ),
            leaves={
                _pair(place): {
                    _pair(spot): base64.b64decode(leaf, validate=True)
                    for spot, leaf in spots.items()
                }
                for place, spots in content["leaves"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise InvalidError(
            "the proof cannot be read; `kerwen subscribe --output` writes it anew"
        ) from error


def check(
    proof: Proof, found: Iterable[Observation], registry: KeyRegistry
) -> list[Finding]:
    """Everything that does not hold; empty: the figures are what the hub signed."""
    figures: dict[Place, list[Observation]] = {}
    for one in found:
        figures.setdefault((one.table, one.release), []).append(one)
    findings: list[Finding] = []
    signed = _signed(proof, registry, findings)
    for place in sorted(figures.keys() | (proof.leaves.keys() & signed.keys())):
        manifest = signed.get(place)
        mine = figures.get(place, [])
        if manifest is None:
            text = f"{len(mine)} figures of a release that no manifest here signs"
            findings.append(Finding(kind="extra", where=_place(place), text=text))
            continue
        leaves = proof.leaves.get(place, {})
        if observation.digest_of(leaves.values()) != manifest.digest:
            text = "the list of figures is not the one that was signed"
            findings.append(Finding(kind="list", where=_place(place), text=text))
            continue
        findings += _compared(manifest, leaves, mine)
    return findings


def _signed(
    proof: Proof, registry: KeyRegistry, findings: list[Finding]
) -> dict[Place, Vintage]:
    """Releases whose manifest the hub signed; what is wrong with others is noted."""
    signed: dict[Place, Vintage] = {}
    for one in proof.manifests:
        place = (one.table, one.marker.hex())
        try:
            key = registry.authority(one.key_id, observation.use_of(one))
            observation.verify(one, key)
        except EnvelopeError as error:
            where, text = _place(place), str(error)
            findings.append(Finding(kind="signature", where=where, text=text))
            continue
        if one.action == WITHDRAW:
            text = f"the hub took this release back: {one.reason or 'no reason given'}"
            where = _place(place)
            findings.append(Finding(kind="withdrawn", where=where, text=text))
        else:
            signed[place] = one
    return signed


def _compared(
    manifest: Vintage, leaves: Mapping[Spot, bytes], found: Sequence[Observation]
) -> list[Finding]:
    """Figures of one release against their leaves."""
    findings = []
    spots = Counter((one.series, one.period) for one in found)
    genuine = {*leaves.values()}
    for one in found:
        spot = (one.series, one.period)
        where = _spot(one.table, one.release, spot)
        leaf = leaves.get(spot)
        if leaf is None:
            text = "not a figure of this release"
            findings.append(Finding(kind="extra", where=where, text=text))
        elif observation.leaf(one) != leaf:
            usual = (other for other in found if observation.leaf(other) in genuine)
            findings.append(_changed(one, leaf, where, next(usual, one)))
        elif one.released_ms != manifest.released_ms:
            text = "differs from the moment that the manifest signs"
            findings.append(
                Finding(kind="changed", where=where, field="RELEASED_MS", text=text)
            )
    findings += [
        Finding(kind="twice", where=_spot(*_of(manifest), spot), text="stands twice")
        for spot, times in spots.items()
        if times > 1
    ]
    findings += [
        Finding(
            kind="missing",
            where=_spot(*_of(manifest), spot),
            text="was signed and is not here",
        )
        for spot in sorted(leaves.keys() - spots.keys())
    ]
    return findings


def _changed(one: Observation, leaf: bytes, where: str, usual: Observation) -> Finding:
    """A figure that is not the signed one, with the column that was changed.

    Columns whose values are few are tried; if one byte was changed and none of these
    fits, it was the value.
    """
    tries = [
        (name, column, code)
        for name, (column, codes) in _CHOICES.items()
        for code in codes
    ]
    tries.append(("unit", "UNIT_MEASURE", usual.unit))
    tries.append(("residence_rule", "RESIDENCE_RULE", usual.residence_rule or ""))
    for name, column, code in tries:
        # replace() cannot know which field a name stands for.
        tried: Any = {name: code or None}
        if observation.leaf(replace(one, **tried)) == leaf:
            text = f"was signed as {code}"
            return Finding(kind="changed", where=where, field=column, text=text)
    text = "is not the value that was signed"
    return Finding(kind="changed", where=where, field="OBS_VALUE", text=text)


def _of(manifest: Vintage) -> Place:
    return manifest.table, manifest.marker.hex()


def _place(place: Place) -> str:
    return f"{place[0]}, release {place[1][:8]}"


def _spot(table: str, release: str, spot: Spot) -> str:
    return f"{_place((table, release))}, {spot[0]}, {spot[1]}"


def _pair(text: str) -> tuple[str, str]:
    first, second = text.split("|")
    return first, second


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
