"""Logs: one JSON object a line on stderr, and never a payload.

Rules:

- Only the message, its level, its logger, its time and fields we name ourselves are
  written. Values of records never are, and neither is the text of foreign exceptions'
  arguments beyond one bounded line.
- A line that repeats is written once in a while: a broker that is away costs a hundred
  lines a second otherwise. What was left out is counted in the next line.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

logger = logging.getLogger(__name__)

TEXT_MAX = 2_000
"""Characters of a message that are written."""

FRAMES_MAX = 12
"""Innermost frames of an exception that are written."""

REPEAT_SECONDS = 5.0

CHATTY = ("aiokafka", "faust", "mode", "agents.frame")
"""Loggers of which only warnings are wanted; they tell of every start and stop."""

SEEN_MAX = 1_000
"""Templates remembered; beyond, the memory starts afresh."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._fields = dict(fields or {})

    def format(self, record: logging.LogRecord) -> str:
        """One line; see the module's rules."""
        line: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(record),
            **self._fields,
        }
        line.update(getattr(record, "fields", {}))
        omitted = getattr(record, "omitted", 0)
        if omitted:
            line["omitted"] = omitted
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = type(record.exc_info[1]).__name__
            # Places only: a foreign exception's text may quote what it choked on.
            frames = traceback.extract_tb(record.exc_info[2])[-FRAMES_MAX:]
            line["at"] = [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
        return json.dumps(line, ensure_ascii=False, default=str)


class OncePer(logging.Filter):
    """Lets one record a template through every `seconds`; counts the others."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide by the template, not by the text with its values."""
        if record.levelno >= logging.CRITICAL:
            return True
        key = (record.name, str(record.msg)[:TEXT_MAX])
        last, omitted = self._seen.get(key, (float("-inf"), 0))
        if record.created - last < self._seconds:
            self._seen[key] = (last, omitted + 1)
            return False
        if len(self._seen) >= SEEN_MAX:
            self._seen.clear()
        self._seen[key] = (record.created, 0)
        record.omitted = omitted
        return True


def set_up(
    *,
    level: str = "INFO",
    fields: Mapping[str, str] | None = None,
    stream: TextIO | None = None,
    repeat_seconds: float = REPEAT_SECONDS,
) -> None:
    """Send every record of the process to `stream` (stderr) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(fields))
    handler.addFilter(OncePer(repeat_seconds))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(
        found.exc_type, found.exc_value, found.exc_traceback
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel("DEBUG" if level == "DEBUG" else "WARNING")


def _uncaught(
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    """Python would print the text of the exception, and it may quote a record."""
    if error is not None and not issubclass(kind, KeyboardInterrupt):
        logger.critical("uncaught exception", exc_info=(kind, error, trace))


def _text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = str(record.msg)
    return text.replace("\n", " ")[:TEXT_MAX]
