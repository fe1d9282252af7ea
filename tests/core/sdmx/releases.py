"""Signed releases of real tables, made by the release core, without a broker."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import product

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import codelists, observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.disclosure.figures import ABSENT, Figure, Place
from hub.core.indicators.timeline import inside
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey, Use
from hub.core.messages import Close
from hub.core.observation import Observation, Vintage
from hub.core.release import publish
from hub.core.release.assemble import sexes
from hub.edge.files import read_catalogue

SIGNER = SigningKey(
    key_id="hub-release-1", private=Ed25519PrivateKey.from_private_bytes(b"r" * 32)
)
CONTROL = SigningKey(
    key_id="hub-control-1", private=Ed25519PrivateKey.from_private_bytes(b"c" * 32)
)
USES: dict[Use, SigningKey] = {"release": SIGNER, "control": CONTROL}
REGISTRY = KeyRegistry(
    keys={
        one.key_id: Key(
            key_id=one.key_id,
            use=use,
            member=HUB,
            public=one.private.public_key().public_bytes_raw(),
        )
        for use, one in USES.items()
    }
)
MOMENT = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
DAY = 86_400_000


@cache
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


@dataclass(slots=True)
class Log:
    """Topics in memory, in the order of their messages."""

    topics: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def add(self, topic: str, time_ms: int, value: bytes) -> None:
        """Append."""
        self.topics.setdefault(topic, []).append((time_ms, value))


def close(number: int, period: str = "2025", vintage: str = "P") -> Close:
    """A marker, an hour before its day."""
    return Close(
        marker=bytes([0xA0 + number]) * 16,
        vintage=vintage,
        tables=(),
        period=period,
        created_ms=MOMENT + number * DAY - 3_600_000,
        key_id="control-1",
    )


def figures(
    table: Table, period: str, seed: int, codes: int = 3
) -> dict[Place, Figure]:
    """Figures as disclosure control might leave them: most shown, some not."""
    chance = random.Random(f"{table.id}{seed}")  # noqa: S311 - test data
    dimensions = [
        [
            "_T",
            *(one for one in codelists.reached(catalogue(), table, dim) if one != "_T"),
        ][: codes + 1]
        for dim in table.dimensions
    ]
    dimensions += [["_T"]] * (2 - len(dimensions))
    areas = ["TM", "TM-A", "TM-S"] if table.area is not None else ["TM"]
    found: dict[Place, Figure] = {}
    periods = inside(period, table.frequency)
    for label, area, d1, d2 in product(periods, areas, *dimensions):
        missing = label == periods[-1] and len(periods) > 1 and seed % 2 == 1
        parts = {sex: Fraction(chance.randrange(0, 4000)) for sex in sexes(table)}
        if len(parts) > 1:
            parts["_OUN"] = Fraction(0)
            parts["_T"] = parts["F"] + parts["M"]
        hidden = chance.random() < 0.15
        for sex, value in parts.items():
            place = Place(period=label, area=area, sex=sex, d1=d1, d2=d2)
            figure = Figure(value=value)
            if hidden and sex != "_T":
                figure = Figure(value=None, status="Q", conf="A")
            found[place] = ABSENT if missing else figure
    return found


def released(
    table: Table, mark: Close, *, codes: int = 3
) -> tuple[list[Observation], Vintage]:
    """The observations and the manifest of one release."""
    made = figures(table, mark.period, mark.marker[0], codes)
    found = publish.observations(catalogue(), table, mark, made)
    vintage = Vintage(
        table=table.id,
        vintage=mark.vintage,
        marker=mark.marker,
        period=mark.period,
        catalogue=catalogue().digest,
        observations=len(found),
        digest=observation.digest(found),
        released_ms=mark.created_ms,
        key_id=SIGNER.key_id,
    )
    return found, observation.sign(vintage, SIGNER.private)


def release(log: Log, names: Sequence[str], mark: Close, *, codes: int = 3) -> None:
    """Append a whole release: figures of all tables, then the manifests."""
    manifests = []
    moment = mark.created_ms + 3_600_000
    for name in names:
        table = catalogue().tables[name]
        found, vintage = released(table, mark, codes=codes)
        for send in publish.figure_sends(table, found):
            log.add(send.topic, moment, send.value or b"")
        manifests.append(publish.manifest_send(vintage))
    for send in manifests:
        log.add(send.topic, moment, send.value or b"")


def withdraw(log: Log, name: str, mark: Close, moment: int, reason: str) -> None:
    """Take a release back."""
    _, vintage = released(catalogue().tables[name], mark)
    gone = replace(
        vintage,
        action="withdraw",
        reason=reason,
        released_ms=moment,
        key_id=CONTROL.key_id,
    )
    signed = observation.sign(gone, CONTROL.private)
    send = publish.manifest_send(signed)
    log.add(send.topic, moment, send.value or b"")
