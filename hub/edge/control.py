"""What an operator puts into the logs: markers that close, tombstones that undo.

Rules (design: delivery, rule 8):

- A marker is signed by the control key and goes into every partition of every
  ``ministry.*`` topic, so that a cut is a place in the log and not a moment.
- Sending it again is harmless: stages know a marker by its id. One whose sending broke
  off is sent again before anything else is, so that markers and config records have one
  order in all logs.
- One writer at a time in a home.
"""

from __future__ import annotations

import fcntl
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.core import observation
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import InvalidError
from hub.core.log import Send
from hub.core.messages import DIGEST_NONE, Close, encode, sign
from hub.core.observation import Vintage
from hub.core.period import parse
from hub.core.topics import VINTAGES as MANIFESTS
from hub.core.topics import sources
from hub.edge import kafka, keyring
from hub.edge.settings import Settings

VINTAGES = ("P", "R", "F")


def withdraw(settings: Settings, found: Iterable[Vintage], reason: str) -> None:
    """Take releases back: a signed tombstone with the reason for each table.

    The control key signs it, not the release key: who may undo is not who may publish.
    """
    key = keyring.control(settings.home.root).control
    sends = []
    for one in found:
        gone = Vintage(
            table=one.table,
            version=one.version,
            vintage=one.vintage,
            action="withdraw",
            marker=one.marker,
            period=one.period,
            catalogue=one.catalogue,
            observations=0,
            digest=DIGEST_NONE,
            reason=reason,
            released_ms=time.time_ns() // 1_000_000,
            key_id=key.key_id,
        )
        value = observation.encode(observation.sign(gone, key.private))
        place = one.table.encode()
        sends.append(Send(topic=MANIFESTS, partition=0, key=place, value=value))
    client = kafka.producer(settings, "control")
    try:
        kafka.send_all(client, sends)
    finally:
        client.close()


def close(
    settings: Settings,
    catalogue: Catalogue,
    *,
    period: str,
    vintage: str = "P",
    tables: tuple[str, ...] = (),
) -> Close:
    """Sign a marker and put it into every ministry partition; returns it.

    Args:
        settings: Where to connect.
        catalogue: Names the tables and the partitions.
        period: 2025, 2025-Q1 or 2025-03; closes the periods inside it.
        vintage: P (provisional), R (revised) or F (final).
        tables: Table ids; empty: every published table.

    Raises:
        InvalidError: an unknown table, vintage or period.
    """
    known = [table.id for table in catalogue.tables.values() if not table.internal]
    for table in tables:
        if table not in known:
            raise InvalidError(
                f"table {table!r}: not in the catalogue; "
                "`kerwen catalogue list` shows what is"
            )
    if vintage not in VINTAGES:
        raise InvalidError(f"vintage {vintage!r}: expected P, R or F")
    parse(period)
    key = keyring.control(settings.home.root).control
    marker = sign(
        Close(
            marker=uuid.uuid4().bytes,
            vintage=vintage,
            tables=tables or tuple(known),
            period=period,
            created_ms=time.time_ns() // 1_000_000,
            key_id=key.key_id,
        ),
        key.private,
    )
    with alone(settings):
        finish(settings, catalogue)
        _unfinished(settings).write_bytes(encode(marker))
        finish(settings, catalogue)
    return marker


def finish(settings: Settings, catalogue: Catalogue) -> None:
    """Send a marker whose sending broke off to every partition; call it `alone`."""
    path = _unfinished(settings)
    if not path.exists():
        return
    value = path.read_bytes()
    client = kafka.producer(settings, "control")
    try:
        kafka.send_all(
            client,
            [
                Send(topic=topic, partition=partition, key=None, value=value)
                for topic, partition in sources(catalogue, Domain.NONE)
            ],
        )
    finally:
        client.close()
    path.unlink()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Wait until no other command writes config records or markers."""
    settings.home.bundles.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.home.bundles / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unfinished(settings: Settings) -> Path:
    return settings.home.bundles / ".marker"
