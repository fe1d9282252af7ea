"""Puts imported vintages where release puts its own: with its key, and as itself.

Rules (docs/adr/0006-history.md):

- Only release writes indicators. An import is done where its key and certificate are,
  by a person, and the control key notes it in the trail before a figure leaves: it
  needs both, so it needs the custodians of both.
- Figures go before their manifest; sent again after a crash it is the same release.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.core.keys import SigningKey
from hub.core.release.history import Release
from hub.edge import kafka, keyring, trail
from hub.edge.settings import Settings

PRINCIPAL = "release"


def signer(settings: Settings) -> SigningKey:
    """The release key of this home.

    Raises:
        MachineError: It is not here, or locked.
    """
    return keyring.release(settings.home.root).release


def send(settings: Settings, releases: Iterable[Release], what: str) -> None:
    """Note the import in the trail, then send it.

    Args:
        settings: Where to connect.
        releases: What is imported.
        what: Table and file's digest, for the trail.

    Raises:
        RetriableError: The brokers are away; the same again later is the same release.
    """
    trail.note(settings, "release import", what)
    client = kafka.producer(settings, PRINCIPAL)
    try:
        for one in releases:
            kafka.send_all(client, one.sends())
    finally:
        client.close()
