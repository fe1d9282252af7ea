"""Figures into observations, and observations into signed messages.

Rules (docs/disclosure.md, "What is published"):

- One OBS_STATUS, the first that applies: O missing, Q suppressed, D another
  definition, B a break in the series, then P in vintages P and R, or A in F.
  CONF_STATUS says why; the vintage letter is an attribute.
- Observations go out in the order of series and period; the manifest of each table
  follows after all tables, so a manifest never stands without its figures.
- Nothing is drawn or asked here: run again, the same marker gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.disclosure.figures import BREAK, Figure, Place, first
from hub.core.keys import SigningKey
from hub.core.log import Send
from hub.core.messages import DIGEST_NONE, Close, Notice, encode, sign
from hub.core.observation import Observation, Vintage
from hub.core.release import drafts
from hub.core.release.scale import printed
from hub.core.release.utility import Utility
from hub.core.topics import NOTICES, VINTAGES, indicator_topic

FINAL = "F"


def observations(
    catalogue: Catalogue,
    table: Table,
    close: Close,
    figures: Mapping[Place, Figure],
) -> list[Observation]:
    """What is published of a table, in the order of series and period."""
    policy = catalogue.policies[table.policy]
    plain = "A" if close.vintage == FINAL else "P"
    found = []
    for place, figure in figures.items():
        value = printed(table, policy, figure)
        broken = BREAK if place.period in table.breaks else ""
        found.append(
            Observation(
                table=table.id,
                frequency=table.frequency,
                area=place.area,
                sex=place.sex,
                dimensions=(place.d1, place.d2)[: len(table.dimensions)],
                period=place.period,
                value=None if value is None else float(value),
                status=first(figure.status, figure.mark, broken) or plain,
                conf=figure.conf,
                unit=table.unit,
                vintage=close.vintage,
                release=close.marker.hex(),
                released_ms=close.created_ms,
                residence_rule=table.residence_rule,
            )
        )
    return sorted(found, key=lambda one: (one.series, one.period))


def figure_sends(table: Table, found: Sequence[Observation]) -> list[Send]:
    """One message an observation, keyed by its series."""
    codec = observation.Codec(table)
    topic = indicator_topic(table.id)
    return [
        Send(topic=topic, partition=0, key=one.series.encode(), value=codec.encode(one))
        for one in found
    ]


def manifest(
    catalogue: Catalogue,
    table: Table,
    close: Close,
    found: Sequence[Observation],
    *,
    quality: Utility,
    signer: SigningKey,
) -> Vintage:
    """The signed end of a table's release."""
    vintage = Vintage(
        table=table.id,
        vintage=close.vintage,
        marker=close.marker,
        period=close.period,
        catalogue=catalogue.digest,
        observations=len(found),
        digest=observation.digest(found),
        **quality._asdict(),
        released_ms=close.created_ms,
        key_id=signer.key_id,
    )
    return observation.sign(vintage, signer.private)


def manifest_send(vintage: Vintage) -> Send:
    """The message of a manifest, keyed by its table."""
    value = observation.encode(vintage)
    return Send(topic=VINTAGES, partition=0, key=vintage.table.encode(), value=value)


def notice_send(
    close: Close,
    signer: SigningKey,
    *,
    reason: str = "",
    manifests: Sequence[bytes] = (),
) -> Send:
    """What the operator alone is told of a cut: refused, or a draft."""
    notice = Notice(
        marker=close.marker,
        kind=drafts.REFUSED if reason else drafts.DRAFT,
        vintage=close.vintage,
        period=close.period,
        reason=reason.encode(),
        manifests=tuple(manifests),
        digest=drafts.digest(manifests) if manifests else DIGEST_NONE,
        created_ms=close.created_ms,
        key_id=signer.key_id,
    )
    value = encode(sign(notice, signer.private))
    return Send(topic=NOTICES, partition=0, key=None, value=value)
