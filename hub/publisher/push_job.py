"""One push on its way into the spool.

Rules:

- The answer to a key is kept in the spool: the same key with the same body is answered
  from there, with another body it is refused. It is written after the rows: killed in
  between, the same body is known by its content, and nothing is there twice.
- Only an answer that took the rows is kept; what was refused may come again, mended.
- The body is in a file until it is spooled, and no longer.
"""

from __future__ import annotations

import csv
import hashlib
import json
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

from hub.core.errors import HubError, InvalidError
from hub.publisher import ledger
from hub.publisher.entries import Publication
from hub.publisher.mapping import Mapping
from hub.publisher.publish import Session
from hub.publisher.refusals import SUFFIX
from hub.publisher.sources.rows import Said
from hub.publisher.summary import Summary

REJECTIONS_MAX = 1_000
"""Refused rows that an answer lists."""
KEYS_DAYS = 90
"""How long a key is remembered."""

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a push: status and body."""

    status: HTTPStatus
    body: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Push:
    """A body that waits for the spool.

    Attributes:
        client: Who sent it.
        key: Its idempotency key.
        answer: Set when it is there, or cannot be.
    """

    client: str
    key: str
    dataflow: str
    path: Path
    digest: bytes
    said: Said
    mapping: Mapping | None
    answer: Future[Answer] = field(default_factory=Future)

    def run(self, session: Session) -> Summary | None:
        """Spool it, and answer."""
        try:
            answer, summary = self._spooled(session)
        except InvalidError as error:
            text = str(error).replace(str(self.path), "the body")
            answer = problem(HTTPStatus.UNPROCESSABLE_ENTITY, text, **self._refused())
            summary = None
        except HubError as error:
            self.fail(error)
            raise
        self._clear()
        self._say(answer)
        return summary

    def fail(self, error: HubError) -> None:
        """The spool cannot take it now."""
        del error  # it may name a path of this machine
        self._clear()
        text = "the spool cannot take rows now; send the same again later"
        self._say(problem(HTTPStatus.SERVICE_UNAVAILABLE, text))

    def _say(self, answer: Answer) -> None:
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_result(answer)

    def _spooled(self, session: Session) -> tuple[Answer, Summary | None]:
        known = hashlib.sha256(
            repr((self.client, self.dataflow, self.key)).encode()
        ).hexdigest()
        row = session.spool.connection.execute(
            "SELECT digest, answer FROM pushes WHERE key = ?", (known,)
        ).fetchone()
        if row is not None and row[0] != self.digest:
            text = "this Idempotency-Key came with another body; use a new one"
            return problem(HTTPStatus.CONFLICT, text), None
        if row is not None:
            return Answer(HTTPStatus.ACCEPTED, json.loads(row[1])), None
        publication = session.add(
            self.dataflow, self.path, mapping=self.mapping, said=self.said
        )
        summary = session.summary(publication)
        body = _body(session, publication, summary) | self._refused()
        now_ms = session.sealer.now_ms()
        with session.spool.change() as connection:
            connection.execute(
                "INSERT INTO pushes (key, digest, answer, since_ms) "
                "VALUES (?, ?, ?, ?)",
                (known, self.digest, json.dumps(body), now_ms),
            )
            connection.execute(
                "DELETE FROM pushes WHERE since_ms < ?", (now_ms - KEYS_DAYS * _DAY_MS,)
            )
        return Answer(HTTPStatus.ACCEPTED, body), summary

    def _refused(self) -> dict[str, Any]:
        """The rows that were refused at the source, as far as they are listed."""
        listed = self.path.with_name(self.path.name + SUFFIX)
        found: list[dict[str, Any]] = []
        if listed.exists():
            with listed.open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    if len(found) == REJECTIONS_MAX:
                        break
                    found.append(
                        row | {"row": int(row["row"]), "line": int(row["line"])}
                    )
        return {"rejections": found}

    def _clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_name(self.path.name + SUFFIX).unlink(missing_ok=True)


def _body(
    session: Session, publication: Publication, summary: Summary
) -> dict[str, Any]:
    """What is told of a publication; numbers only where they are no secret."""
    batches = [
        str(UUID(bytes=item.batch))
        for item in ledger.items(session.spool, file=publication.id)
    ]
    found: dict[str, Any] = {"publication": publication.id, "batches": batches}
    if not summary.quiet:
        found |= {"rows": summary.published, "rejected": summary.source.rejected}
    return found


def problem(status: HTTPStatus, detail: str, **more: Any) -> Answer:
    """An answer that says what is wrong (RFC 9457)."""
    return Answer(
        status,
        {"title": status.phrase, "status": status.value, "detail": detail} | more,
    )
