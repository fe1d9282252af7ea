"""News to members' addresses: one signed request a release or withdrawal.

Rules (docs/gateway.md, "Webhooks"):

- What is sent is the event of ``/live``, never a figure. Its signature is HMAC-SHA-256
  under the hook's secret, over the moment, a dot and the body; so neither can be
  changed, and an old request is known as one.
- Of a table for members its members hear; a revoked one hears nothing.
- An address that does not answer 2xx within seconds is tried again a few times, then
  given up, and logged by its id. Nothing else waits for it. A receiver that
  was away asks with ``updatedAfter`` and has missed nothing.
- Redirects are not followed and answers are not read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import logging
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from hub.core.errors import HubError
from hub.edge import hooks
from hub.edge.hooks import Hook
from hub.edge.settings import Home
from hub.gateway.doors import Caller
from hub.gateway.gateway import Gateway
from hub.gateway.routes.live import said
from hub.gateway.store import Change

SIGNATURE = "Kerwen-Signature"
TIMEOUT_SECONDS = 5.0
TRIES_SECONDS = (0.0, 2.0, 15.0, 60.0)
AT_ONCE = 4
WAITING_MAX = 1_000
_log = logging.getLogger(__name__)


def signature(secret: str, moment: int, body: bytes) -> str:
    """The header: ``t=<seconds since 1970>,v1=<hexadecimal>``."""
    made = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={made.hexdigest()}"


def send(hook: Hook, body: bytes, moment: int) -> bool:
    """One request; whether it was taken."""
    parts = urlsplit(hook.url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "kerwen",
        SIGNATURE: signature(hook.secret, moment, body),
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", target, body, headers)
        return connection.getresponse().status // 100 == 2
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


class Hooks:
    """Tells every address; run :meth:`tell` as a task."""

    def __init__(
        self, home: Home, gateway: Gateway, tries: Sequence[float] = TRIES_SECONDS
    ) -> None:
        self._home = home
        self._gateway = gateway
        self._tries = tries
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def tell(self) -> None:
        """Listen for ever; end it by cancelling."""
        try:
            while True:
                with self._gateway.bus.listen() as queue:
                    while (change := await queue.get()) is not None:
                        self._spread(change)
                await asyncio.sleep(0)
        finally:
            for task in self._tasks:
                task.cancel()

    def _spread(self, change: Change) -> None:
        if change.refused:
            return
        try:
            listed = hooks.known(self._home)
        except HubError as error:
            _log.error("webhooks are not told: %s", error)
            self._count("unread")
            return
        body = json.dumps({"action": change.action, **said(change)}).encode()
        for hook in listed:
            if len(self._tasks) >= WAITING_MAX:
                _log.warning("webhook %s is left out: too many wait", hook.id)
                self._count("dropped")
                continue
            task = asyncio.create_task(self._deliver(hook, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, hook: Hook, body: bytes) -> None:
        caller = Caller(member=hook.member, way="hook")
        for wait in self._tries:
            await asyncio.sleep(wait)
            if self._gateway.doors.problem(caller) is not None:
                self._count("revoked")
                return
            async with self._slots:
                taken = await asyncio.to_thread(send, hook, body, int(time.time()))
            if taken:
                self._count("taken")
                return
        self._count("given_up")
        _log.warning("webhook %s of %s does not answer", hook.id, hook.member)

    def _count(self, outcome: str) -> None:
        self._gateway.metrics.count("webhooks_total", outcome=outcome)
