"""The trail in its topic: written by whoever acts, read by whoever checks.

Rules (:mod:`hub.core.trail`):

- An act is written before it is done: what was begun and failed is there as well.
- Writers of one home take turns by a lock; writers of others may race, and the one that
  lost writes again.
- No act is written where there is no hub to act on: the caller's own error says so.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub.core import trail
from hub.core.errors import RetriableError
from hub.core.log import Send
from hub.core.topics import TRAIL
from hub.core.trail import Head, Trail
from hub.edge import kafka, keyring
from hub.edge.settings import Settings

PRINCIPAL = "control"
TRIES = 10


def note(settings: Settings, verb: str, subject: str = "", reason: str = "") -> None:
    """Write an act and see that it stands in the chain.

    Args:
        settings: Where to connect; the home holds the control key.
        verb: The command and its word, e.g. ``release run``.
        subject: What it is done to: ids, printable ASCII.
        reason: In the operator's words.

    Raises:
        RetriableError: The brokers are away, or others were always faster.
        EnvelopeError: A text is too long or not printable.
    """
    key = keyring.control(settings.home.root).control
    with _turn(settings):
        for _ in range(TRIES):
            head = read(settings).head
            act = trail.link(
                head,
                actor=_actor(),
                verb=verb,
                subject=subject,
                reason=reason,
                at_ms=time.time_ns() // 1_000_000,
            )
            value = trail.value_of(act, key)
            client = kafka.producer(settings, PRINCIPAL)
            try:
                kafka.send_all(
                    client, [Send(topic=TRAIL, partition=0, key=None, value=value)]
                )
            finally:
                client.close()
            mine = Head(sequence=act.sequence, digest=hashlib.sha256(value).digest())
            if not read(settings, mine).lost:
                return
    raise RetriableError(f"{TRAIL}: {TRIES} times somebody else was faster; try again")


def read(settings: Settings, kept: Head | None = None) -> Trail:
    """The whole trail, judged; see :func:`hub.core.trail.follow`."""
    registry = keyring.registry(settings.home.root)
    client = kafka.consumer(settings, PRINCIPAL)
    try:
        extent = kafka.extents(client, [(TRAIL, 0)])[TRAIL, 0]
        return trail.follow(
            kafka.read(client, TRAIL, 0, extent.start, extent.end), registry, kept
        )
    finally:
        client.close()


@contextmanager
def _turn(settings: Settings) -> Iterator[None]:
    folder = settings.home.run
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "trail.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # an account without a name, as in some containers
