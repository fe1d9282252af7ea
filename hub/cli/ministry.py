"""What the verbs of a ministry share: the session, the progress, the waiting.

``publish``, ``declare`` and ``receipts`` act as one member, whose keys, certificate and
spool are in the home.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError, UsageError
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment
from hub.publisher import ledger, quiet
from hub.publisher.courier import Tell
from hub.publisher.entries import State
from hub.publisher.publish import Session

WAIT_SECONDS = 60.0

_WORDS = {"spooled": "rows sealed", "sent": "batches sent", "receipts": "receipts"}


def arguments(parser: argparse.ArgumentParser, *, wait: bool = True) -> None:
    """What these verbs take."""
    parser.add_argument("--member", required=True, help="who acts, e.g. sms")
    if wait:
        parser.add_argument(
            "--wait",
            type=float,
            default=WAIT_SECONDS,
            metavar="SECONDS",
            help="how long to wait for receipts (default: 60)",
        )


@contextmanager
def session(member: str) -> Iterator[Session]:
    """A session of the member at its spool."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    check_member(catalogue, member)
    slots = quiet.configured()
    with Session.open(settings, catalogue, member, slots=slots) as opened:
        yield opened


def check_member(catalogue: Catalogue, member: str) -> None:
    """Refuse who publishes nothing."""
    providers = [one.id for one in catalogue.members.values() if one.provides]
    if member not in providers:
        raise InvalidError(
            f"--member {member}: publishes nothing; these do: {', '.join(providers)}"
        )


def waiting(opened: Session) -> tuple[int, int]:
    """Batches without a final receipt, and batches refused as a whole.

    Those of quiet dataflows are not counted while they wait for their slot.
    """
    hidden = quiet.hidden(opened.spool)
    found = ledger.count(opened.spool, State.SPOOLED, State.SENT, but=hidden)
    return found, ledger.count(opened.spool, State.REFUSED)


@contextmanager
def progress() -> Iterator[Tell]:
    """A bar on stderr for each thing that is counted; none where nobody looks."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        tasks = {
            name: bar.add_task(text, total=None, visible=False)
            for name, text in _WORDS.items()
        }

        def tell(what: str, done: int, total: int) -> None:
            bar.update(tasks[what], completed=done, total=total or None, visible=True)

        yield tell


def check_wait(seconds: float) -> float:
    """Refuse a wait that is no time."""
    if not 0 <= seconds <= 86_400:
        raise UsageError(f"--wait {seconds}: expected seconds, up to a day")
    return seconds


def some(number: int, word: str) -> str:
    """``1 row``, ``2 rows``, ``2 batches``."""
    plural = f"{word}es" if word.endswith("h") else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"


def sentence(notes: Sequence[str]) -> str:
    """Notes as lines below an answer."""
    return "".join(f"\n  note: {note}" for note in notes)
