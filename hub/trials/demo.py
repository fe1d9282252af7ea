"""One sample year through the whole hub: publish, declare, release, audit.

Rules (design: the command):

- Everything runs in a fresh folder on the real broker with the real agents.
- Ministries publish side by side, each its own files in the order of the manifest.
- Counts are those of receipts; quiet dataflows are left out of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.core.catalogue.model import Catalogue
from hub.core.errors import RetriableError
from hub.edge.settings import Settings
from hub.publisher.publish import Session
from hub.publisher.summary import Summary

MINISTRIES_AT_ONCE = 3
"""Publishing is CPU work here and on the same machine as the agents."""
RECEIPTS_SECONDS_MAX = 900.0

Tell = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Published:
    """What receipts say about everything published, in rows."""

    published: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, one: Summary) -> None:
        """Count one file in; a quiet one counts nowhere."""
        if one.quiet:
            return
        self.published += one.published
        self.accepted += one.accepted
        self.duplicates += one.duplicates
        self.quarantined += sum(one.quarantined.values())
        self.rejected += one.source.rejected
        for reason, rows in one.quarantined.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + rows


def manifest(folder: Path) -> dict[str, Any]:
    """What to publish and to declare, as :mod:`hub.trials.sample.write` left it."""
    return dict(json.loads((folder / "manifest.json").read_text("utf-8")))


def publish(
    settings: Settings,
    catalogue: Catalogue,
    folder: Path,
    tell: Tell = lambda _: None,
) -> Published:
    """Publish and declare a whole sample; returns when every receipt is there.

    Raises:
        RetriableError: A receipt did not come in time; the batches wait in the spools.
    """
    wanted = manifest(folder)
    began = time.monotonic()
    files = _by_member(wanted["files"])
    declarations = _by_member(wanted["declarations"])
    members = sorted(
        {*files, *declarations},
        key=lambda member: -sum(one["rows"] for one in files.get(member, ())),
    )

    def one_ministry(member: str) -> list[Summary]:
        with Session.open(settings, catalogue, member) as session:
            done = _files(session, folder, files.get(member, ()), tell)
            _declare(session, declarations.get(member, ()))
        return done

    total = Published()
    with ThreadPoolExecutor(MINISTRIES_AT_ONCE) as pool:
        for summaries in pool.map(one_ministry, members):
            for summary in summaries:
                total.add(summary)
    total.seconds = time.monotonic() - began
    return total


def _files(
    session: Session, folder: Path, files: Iterable[Mapping[str, Any]], tell: Tell
) -> list[Summary]:
    """One ministry's files, in order."""
    done = []
    for file in files:
        summary = session.publish(
            file["dataflow"],
            folder / file["path"],
            again=file["again"],
            resend=file["resend"],
            wait_seconds=RECEIPTS_SECONDS_MAX,
        )
        if not summary.complete:
            notes = "; ".join(summary.notes) or "no final receipt came"
            raise RetriableError(f"{file['path']}: {notes}")
        tell(f"{file['path']} receipted")
        done.append(summary)
    return done


def _declare(session: Session, declarations: Iterable[Mapping[str, Any]]) -> None:
    """One ministry's declarations, receipted."""
    for one in declarations:
        session.declare(
            one["dataflow"], one["period"], complete=one["complete"], nil=one["nil"]
        )
    for note in session.settle(RECEIPTS_SECONDS_MAX):
        raise RetriableError(f"{session.sealer.member.id}: declarations: {note}")


def _by_member(entries: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        found.setdefault(entry["member"], []).append(entry)
    return found
