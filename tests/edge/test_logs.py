"""Logs: one JSON object a line, repeats left out, nothing quoted."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from hub.edge import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Root logging into a buffer; afterwards as before."""
    handlers, level = logging.root.handlers[:], logging.root.level
    hooks = sys.excepthook, threading.excepthook
    buffer = io.StringIO()
    logs.set_up(fields={"stage": "intake"}, stream=buffer)
    yield buffer
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """What was written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_of_json(stream: io.StringIO) -> None:
    """Message, level, logger, time and our own fields; line breaks are gone."""
    logging.getLogger("a.b").warning("one\ntwo %s", "şäher")

    (line,) = lines(stream)
    assert line.pop("time")
    assert line == {
        "level": "warning",
        "logger": "a.b",
        "message": "one two şäher",
        "stage": "intake",
    }


def test_repeats_are_counted_not_written(stream: io.StringIO) -> None:
    """The template decides, and the next line says how many were left out."""
    logger = logging.getLogger("x")
    logger.handle(_record("away %s", 1.0))
    logger.handle(_record("away %s", 2.0))
    logger.handle(_record("away %s", 3.0))
    logger.handle(_record("else %s", 3.0))
    logger.handle(_record("away %s", 7.0))

    assert [(line["message"], line.get("omitted")) for line in lines(stream)] == [
        ("away 1.0", None),
        ("else 3.0", None),
        ("away 7.0", 2),
    ]


def test_an_exception_shows_its_place_not_its_words(stream: io.StringIO) -> None:
    """The text of a foreign exception may quote a record."""
    try:
        int("I-AŞ 123456")
    except ValueError:
        logging.getLogger("x").exception("cannot count")

    (line,) = lines(stream)
    assert line["exception"] == "ValueError"
    assert "test_logs.py" in str(line["at"])
    assert "123456" not in stream.getvalue()


def test_an_uncaught_exception_is_a_line_like_any_other(stream: io.StringIO) -> None:
    """Of the main thread and of others: Python's own words are not printed."""
    try:
        int("I-AŞ 123456")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    (line,) = lines(stream)
    assert (line["message"], line["exception"]) == ("uncaught exception", "ValueError")
    assert "123456" not in stream.getvalue()


def test_a_message_is_bounded() -> None:
    """Logging never floods."""
    line = json.loads(logs.JsonFormatter().format(_record("y" * 9_000 + "%s", 1.0)))

    assert line["message"] == "y" * logs.TEXT_MAX


def test_a_wrong_template_does_no_harm() -> None:
    """Logging never raises."""
    line = json.loads(logs.JsonFormatter().format(_record("%d of %d", 1.0)))

    assert line["message"] == "%d of %d"


def test_libraries_are_quiet(stream: io.StringIO) -> None:
    """Faust's and aiokafka's comings and goings are left out, their warnings not."""
    logging.getLogger("faust.worker").info("Starting...")
    logging.getLogger("aiokafka.consumer").warning("away")

    assert [line["message"] for line in lines(stream)] == ["away"]


def _record(template: str, created: float) -> logging.LogRecord:
    record = logging.LogRecord("x", logging.INFO, "", 0, template, (created,), None)
    record.created = created
    return record
