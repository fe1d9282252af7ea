"""A watched folder: whole files go to the spool, then to ``done`` or ``failed``.

Rules:

- A file is whole when it has not changed between two looks for as long as the plan
  says, or when ``NAME.done`` stands beside it. Hidden and temporary names are left.
- It is spooled first and moved after. Killed in between, it is found again, known by
  its content, and only moved: nothing is published twice.
- A file that changed while it was read stays, and is read again when it is whole.
- What is wrong with a file stands in ``NAME.errors.csv`` beside it where it went; a
  list that a kill left behind follows its file later. What is wrong with the machine
  (no room, no key) leaves the file where it is.
- Links are not followed: a folder that others write to names no file outside it.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from hub.core.errors import HubError, InvalidError, MachineError
from hub.publisher.courier import Tell
from hub.publisher.publish import Session
from hub.publisher.refusals import HEADER, SUFFIX
from hub.publisher.sources.rows import ROW
from hub.publisher.summary import Summary
from hub.publisher.watch_plan import FolderPlan

DONE, FAILED = "done", "failed"
ERRORS = ".errors.csv"
DEVIATIONS = ".deviations.csv"
"""How often a list was not as its standard says, by whose it is: whom to call."""
MARK = ".done"
FILES_MAX = 1_000
"""Files taken in one look; the others wait for the next."""
COPIES_MAX = 10_000
READING = ".kerwen-reading"
DEATHS_MAX = 5
"""Times the service may end while it reads one file before that file is set aside."""

_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".lock")


class Look(NamedTuple):
    """How a file looked, and since when."""

    size: int
    mtime_ns: int
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one file.

    Attributes:
        outcome: ``done``, ``known`` (published before), ``failed`` or ``changed``.
        summary: What it came to so far; None where it failed.
        error: Why it failed.
    """

    name: str
    dataflow: str
    outcome: str
    summary: Summary | None = None
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Folder:
    """One watched folder.

    Attributes:
        clock: Seconds that only go forward.
    """

    plan: FolderPlan
    clock: Callable[[], float]
    _seen: dict[str, Look] = field(default_factory=dict)

    def whole(self) -> list[Path]:
        """Files that are whole, in the order in which they were last written.

        Raises:
            MachineError: The folder cannot be looked into.
        """
        found: list[tuple[int, Path]] = []
        present: dict[str, Look] = {}
        now = self.clock()
        for entry, status in self._files():
            before = self._seen.get(entry.name)
            same = before is not None and before[:2] == (
                status.st_size,
                status.st_mtime_ns,
            )
            since = before.since if before is not None and same else now
            present[entry.name] = Look(status.st_size, status.st_mtime_ns, since)
            marked = (self.plan.path / (entry.name + MARK)).exists()
            settled = same and now - since >= self.plan.settle_seconds
            if marked or (settled and not self.plan.marked):
                found.append((status.st_mtime_ns, Path(entry.path)))
        self._seen = present
        return [path for _, path in sorted(found)[:FILES_MAX]]

    @property
    def unsettled(self) -> bool:
        """Whether there are files that may yet become whole by themselves."""
        return bool(self._seen) and not self.plan.marked

    def _files(self) -> list[tuple[os.DirEntry[str], os.stat_result]]:
        """Files that may be meant for us, as they look now."""
        found = []
        try:
            with os.scandir(self.plan.path) as entries:
                for entry in entries:
                    name = entry.name.lower()
                    if name.startswith((".", "~")) or name.endswith(
                        (*_UNFINISHED, MARK, SUFFIX, ERRORS, DEVIATIONS)
                    ):
                        continue
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            found.append((entry, status))
        except OSError as error:
            raise MachineError(
                f"{self.plan.path}: cannot be looked into: {error.strerror}"
            ) from error
        return found

    def take(self, session: Session, path: Path, tell: Tell | None = None) -> Taken:
        """Spool one file and move it away.

        Raises:
            MachineError: Something around it is wrong; the file stays.
        """
        before = self._seen.get(path.name)
        if self._deaths(path) > DEATHS_MAX:
            error = "the service ended each time it read this file; look at its log"
            self._away(path, FAILED, error)
            return self._taken(path, "failed", error=error)
        try:
            publication = session.add(
                self.plan.flow.id, path, mapping=self.plan.mapping, tell=tell
            )
        except InvalidError as error:
            self._away(path, FAILED, str(error))
            return self._taken(path, "failed", error=str(error))
        except HubError:
            (path.parent / READING).unlink(missing_ok=True)
            raise
        known = publication.finished_ms is not None
        summary = session.summary(publication)
        self._seen.pop(path.name, None)
        status = path.stat()
        if before is not None and before[:2] != (status.st_size, status.st_mtime_ns):
            return self._taken(path, "changed", summary=summary)
        self._away(path, DONE, deviations=summary.source.deviations)
        return self._taken(path, "known" if known else "done", summary=summary)

    def _deaths(self, path: Path) -> int:
        """How often this file was begun and its end never reached.

        Counted in a hidden file that goes with the file: what kills the process, and
        not only raises, must not keep the other files waiting for ever.
        """
        status = path.stat()
        said = f"{path.name}|{status.st_size}|{status.st_mtime_ns}|"
        try:
            before = (path.parent / READING).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            before = ""
        deaths = before.removeprefix(said) if before.startswith(said) else "-1"
        number = int(deaths) + 1 if deaths.lstrip("-").isdigit() else 0
        with suppress(OSError):  # without it nothing is counted, and that is all
            (path.parent / READING).write_text(f"{said}{number}", "utf-8")
        return number

    def _taken(
        self,
        path: Path,
        outcome: str,
        *,
        summary: Summary | None = None,
        error: str = "",
    ) -> Taken:
        return Taken(
            name=path.name,
            dataflow=self.plan.flow.id,
            outcome=outcome,
            summary=summary,
            error=error,
        )

    def _away(
        self,
        path: Path,
        where: str,
        error: str = "",
        deviations: Mapping[tuple[str, str], int] = MappingProxyType({}),
    ) -> None:
        """Move a file, then its list of refused rows and its mark."""
        listed = path.with_name(path.name + SUFFIX)
        try:
            if error and not listed.exists():
                _explain(listed, error)
            target = _free(path.parent / where, path.name)
            if where == DONE and not self.plan.keep:
                path.unlink()
            else:
                path.rename(target)
            if listed.exists():
                listed.rename(target.with_name(target.name + ERRORS))
            if deviations:
                _count(target.with_name(target.name + DEVIATIONS), deviations)
            path.with_name(path.name + MARK).unlink(missing_ok=True)
            (path.parent / READING).unlink(missing_ok=True)
        except OSError as failed:
            raise MachineError(
                f"{path}: cannot be moved to {where}: {failed.strerror}; this account "
                "must be able to write to the folder"
            ) from failed

    def tidy(self) -> None:
        """Bring lists after their files that a kill parted them from."""
        for listed in self.plan.path.glob(f"*{SUFFIX}"):
            name = listed.name.removesuffix(SUFFIX)
            for where in (FAILED, DONE):
                target = self.plan.path / where / name
                errors = target.with_name(name + ERRORS)
                gone = not (self.plan.path / name).exists() and target.exists()
                if gone and not errors.exists():
                    listed.rename(errors)
                    break


def _free(folder: Path, name: str) -> Path:
    """A name in a folder that no file has yet; of two files of one name both stay."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(COPIES_MAX):
        target = folder / (name if not number else f"{name}.{number}")
        if not target.exists() and not target.with_name(target.name + ERRORS).exists():
            return target
    raise MachineError(f"{folder}: too many files are named {name}; clear the folder")


def _explain(path: Path, error: str) -> None:
    """A list with one line: what is wrong with the file as a whole."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        what, _, mend = error.partition("; ")
        writer.writerow((1, 1, ROW, what, mend))


def _count(path: Path, deviations: Mapping[tuple[str, str], int]) -> None:
    """Deviations by carrier and kind."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("carrier", "kind", "count"))
        writer.writerows(
            (carrier, kind, number)
            for (kind, carrier), number in sorted(
                deviations.items(), key=lambda one: (one[0][1], one[0][0])
            )
        )
