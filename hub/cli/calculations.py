"""``kerwen catalogue calculate``: an indicator from a file of entered answers.

Rules:

- The file is CSV with a header; columns that the calculator does not ask for are left
  alone, so a file that was published as a dataflow can be used as it is.
- What comes out says of itself that it was not computed from events.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub.cli.output import Output
from hub.core.calculators import CALCULATORS, calculate
from hub.core.errors import InvalidError, UsageError

BYTES_MAX = 4 << 20
"""Answers are typed by people."""


def run(name: str | None, path: Path | None, out: Output) -> int:
    """Calculate, or list what can be calculated."""
    if name is None or path is None:
        if name is not None or path is not None:
            raise UsageError("calculate: write the indicator and --answers FILE")
        _list(out)
        return 0
    found = calculate(name, _read(name, path))
    out.say(f"{name}: {found['title']}; from {found['source']}")
    _show(found, out)
    out.result(found)
    return 0


def _read(name: str, path: Path) -> list[dict[str, str]]:
    """The rows of the file."""
    wanted = CALCULATORS[name].columns if name in CALCULATORS else ()
    try:
        if path.stat().st_size > BYTES_MAX:
            raise InvalidError(f"{path}: over {BYTES_MAX} bytes; answers are fewer")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            header = reader.fieldnames or []
            missing = [column for column in wanted if column not in header]
            if missing:
                raise InvalidError(
                    f"{path}: no column {missing[0]}; the header needs "
                    f"{','.join(wanted)}"
                )
            return [{k: v or "" for k, v in row.items() if k} for row in reader]
    except OSError as error:
        text = error.strerror or "cannot be read"
        raise InvalidError(f"{path}: {text}; name a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidError(f"{path}: no CSV in UTF-8; save it as that") from error


def _list(out: Output) -> None:
    out.table(
        "Calculators on entered answers",
        ("indicator", "what", "columns of the file"),
        [(n, one.title, ",".join(one.columns)) for n, one in CALCULATORS.items()],
    )
    out.result(
        {
            "calculators": [
                {"id": name, "title": one.title, "columns": list(one.columns)}
                for name, one in CALCULATORS.items()
            ]
        }
    )


def _show(found: Mapping[str, Any], out: Output) -> None:
    """Figures for a person: places and domains of rounds, else name and value."""
    if "places" not in found:
        plain = {k: v for k, v in found.items() if k not in _SAID}
        nested = plain.pop("domains", {})
        rows = [*plain.items(), *nested.items()]
        out.table("Figures", ("name", "value"), rows, right=("value",))
        return
    rows = [
        (place["area"], one.get("domain", "all"), *(one[n] for n in _COLUMNS))
        for place in found["places"]
        for one in (place["total"], *place["domains"])
    ]
    out.table(
        f"Rounds {', '.join(found['rounds'])}",
        ("place", "domain", *(name.replace("_", " ") for name in _COLUMNS)),
        rows,
        right=tuple(name.replace("_", " ") for name in _COLUMNS),
    )


_SAID = frozenset({"indicator", "title", "source"})
_COLUMNS = ("questions", "gap", "gap_steps", "improved", "worsened", "progress_steps")
