"""A schema registry of the members' own: our schemas, under the ids of our topics.

Rules (Confluent Schema Registry API, mode IMPORT; docs/gateway.md, "In Python"):

- A subject is put into mode IMPORT, gets its one schema with our id and version, and
  goes back to the mode it had. What is there already is compared, not written again.
- Another schema under one of our ids is told and left alone: nobody's registry is
  mended by us.
- A registry that is away is tried again; readers lose nothing, because the gateway
  answers the same questions itself. One that gives ids of its own only (Karapace: it
  has no mode IMPORT) is told once and left alone.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

from hub.core.errors import InvalidError, RetriableError
from hub.gateway.problems import REGISTRY_TYPE
from hub.gateway.routes.registry import VERSION, Entry

TRY_SECONDS = 30.0
TIMEOUT_SECONDS = 10.0
ANSWER_BYTES_MAX = 1 << 20
_CANNOT = frozenset({405, 422, 501})
_NO_IMPORT = (
    "it takes no ids but its own (no mode IMPORT), so members must read with the "
    "gateway's own registry; unset KERWEN_REGISTRY"
)
_log = logging.getLogger(__name__)


class Registry:
    """A registry somewhere else."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._root = parts.path.rstrip("/")

    def put(self, entry: Entry) -> bool:
        """Let a schema be there under its id; whether it had to be written.

        Raises:
            InvalidError: Another schema is there under this id, or the registry takes
                no ids but its own.
            RetriableError: The registry is away, or refuses.
        """
        there = self._ask("GET", f"/schemas/ids/{entry.id}", missing=True)
        if there is not None:
            if json.loads(there["schema"]) != json.loads(entry.schema):
                raise InvalidError(
                    f"registry: another schema has the id {entry.id}; members must "
                    "read with the gateway's own registry"
                )
            return False
        subject = quote(entry.subject, safe="")
        mode = self._ask("GET", f"/mode/{subject}", missing=True)
        self._ask("PUT", f"/mode/{subject}", {"mode": "IMPORT"}, never=_NO_IMPORT)
        try:
            said = {"schema": entry.schema, "id": entry.id, "version": VERSION}
            self._ask("POST", f"/subjects/{subject}/versions", said)
        finally:
            before = "READWRITE" if mode is None else str(mode["mode"])
            self._ask("PUT", f"/mode/{subject}", {"mode": before})
        return True

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        missing: bool = False,
        never: str = "",
    ) -> Any:
        # `missing`: None is an answer; `never`: what it means if it cannot do this.
        kind = (
            http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        )
        connection = kind(self._host, timeout=TIMEOUT_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": REGISTRY_TYPE, "Accept": REGISTRY_TYPE}
            connection.request(method, self._root + path, content, headers)
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            raise RetriableError(
                f"registry: does not answer, {type(error).__name__}"
            ) from error
        finally:
            connection.close()
        if missing and answer.status == http.client.NOT_FOUND:
            return None
        if never and answer.status in _CANNOT:
            raise InvalidError(
                f"registry: {method} is answered {answer.status}; {never}"
            )
        if answer.status != http.client.OK:
            raise RetriableError(f"registry: {method} is answered {answer.status}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise RetriableError("registry: does not answer in JSON") from error


def put_all(registry: Registry, entries: Iterable[Entry]) -> int:
    """Every schema; how many had to be written.

    Raises:
        InvalidError: Another schema is there under one of the ids.
        RetriableError: The registry is away, or refuses.
    """
    return sum(registry.put(entry) for entry in entries)


class Registrar(threading.Thread):
    """Puts schemas there once, trying until it is done or cannot be."""

    def __init__(self, registry: Registry, entries: Iterable[Entry]) -> None:
        super().__init__(name="registrar", daemon=True)
        self._registry = registry
        self._entries = list(entries)
        self.stop = threading.Event()

    def run(self) -> None:
        """See the class."""
        while not self.stop.is_set():
            try:
                written = put_all(self._registry, self._entries)
            except InvalidError as error:
                _log.error("%s", error)
                return
            except RetriableError as error:
                _log.warning("%s; tried again", error)
                self.stop.wait(TRY_SECONDS)
            else:
                _log.info("%d schemas written to the registry", written)
                return
