"""Publishes in processes that kill themselves; started by test_ministry.

Reads one JSON object a line: {"step", "member", "dataflow", "file", "rows"}; answers
with one: {"status"} of a killed process, or what the publication came to. Each is a
process of its own, forked from this one, which has loaded everything and used nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment
from hub.publisher import courier, ledger, quarantine
from hub.publisher.broker import KafkaBroker
from hub.publisher.publish import Session
from hub.publisher.sealing import Sealer
from hub.publisher.sources import files
from hub.publisher.spool import Spool


def die(*_: object) -> None:
    """As kill -9 does: nothing runs after it."""
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(place: Any, name: str, *, after: bool = True, at: int = 1) -> None:
    """Die when `name` of `place` is called for the `at`-th time, before or after it."""
    real: Callable[..., Any] = getattr(place, name)
    left = [at]

    def call(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if not after and not left[0]:
            die()
        result = real(*args, **more)
        if after and not left[0]:
            die()
        return result

    setattr(place, name, call)


def _after_a_chunk() -> None:
    real = files.read

    def read(*args: Any, **more: Any) -> Any:
        reading = real(*args, **more)

        def chunks() -> Iterator[Any]:
            for chunk in reading.chunks:
                yield chunk
                die()

        return replace(reading, chunks=chunks())

    setattr(files, "read", read)  # noqa: B010 - a module, and meant


STEPS: dict[str, Callable[[], None]] = {
    "row read": _after_a_chunk,
    "sealed": lambda: wrap(Sealer, "seal", at=2),
    "spooled": lambda: wrap(Spool, "put", at=2),
    "before it is sent": lambda: wrap(KafkaProducer, "flush", after=False),
    "sent": lambda: wrap(KafkaProducer, "flush"),
    "acked": lambda: wrap(KafkaBroker, "send"),
    "ack stored": lambda: wrap(ledger, "sent"),
    "receipt read": lambda: wrap(courier, "open_receipt", at=2),
    "receipt stored": lambda: wrap(courier, "note", at=2),
    "position moved": lambda: wrap(ledger, "move", at=2),
    "refused row read": lambda: wrap(quarantine, "opened"),
    "refused row stored": lambda: wrap(quarantine.Shelf, "_take"),
}


def publish(words: dict[str, Any]) -> dict[str, Any]:
    """One publication, whole."""
    with Session.open(
        from_environment(), read_catalogue(), words["member"], batch_rows=words["rows"]
    ) as session:
        done = session.publish(words["dataflow"], Path(words["file"]), wait_seconds=30)
    return {
        "accepted": done.accepted,
        "quarantined": sum(done.quarantined.values()),
        "waiting": done.waiting,
        "refused": done.refused,
        "batches": done.batches,
        "notes": list(done.notes),
    }


def in_a_process(words: dict[str, Any]) -> dict[str, Any]:
    """Publish in a child that may be killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        if words["step"]:
            STEPS[words["step"]]()
        answer = json.dumps(publish(words))
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else {"status": os.waitstatus_to_exitcode(status)}


def main() -> None:
    """Answer line by line."""
    sys.stdout.write(json.dumps(list(STEPS)) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(in_a_process(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
