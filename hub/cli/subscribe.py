"""``kerwen subscribe``: verified observations as a member, as they are released.

Every release is given, the oldest first; ``kerwen query`` shows the newest only.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from hub.cli.output import Output
from hub.client import observations
from hub.client.figures import chosen
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import InvalidError, UsageError
from hub.core.observation import Observation
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment

MEMBER = "iom"
"""Who reads where nobody is named: the coordinator of the Network."""

_BEFORE = ("TABLE", "FREQ", "REF_AREA", "SEX")
_AFTER = (
    "TIME_PERIOD",
    "OBS_VALUE",
    "OBS_STATUS",
    "CONF_STATUS",
    "UNIT_MEASURE",
    "VINTAGE",
    "RELEASE",
    "RELEASED_MS",
    "RESIDENCE_RULE",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--member", default=MEMBER, help=f"who reads (default: {MEMBER})"
    )
    parser.add_argument(
        "--tables", default="", help="ids with commas between (default: all)"
    )
    parser.add_argument(
        "--format", choices=("table", "jsonl", "csv"), default="table", dest="shape"
    )
    parser.add_argument("--follow", action="store_true", help="wait for more")


def run(args: argparse.Namespace, out: Output) -> int:
    """Read and print until the end, or until Ctrl-C."""
    if args.follow and (out.as_json or args.shape == "table"):
        raise UsageError("--follow never ends: add --format jsonl or csv, not --json")
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    reader(catalogue, args.member)
    tables = chosen(catalogue, [one for one in args.tables.split(",") if one])
    found = observations(
        settings,
        args.member,
        [table.id for table in tables],
        catalogue=catalogue,
        follow=args.follow,
    )
    rows = (row_of(catalogue.tables[one.table], one) for one in found)
    if out.as_json:
        listed = list(rows)
        out.result({"member": args.member, "observations": listed})
        return 0
    if args.shape == "table":
        _table(list(found), out)
        return 0
    with suppress(KeyboardInterrupt):
        if args.shape == "jsonl":
            for row in rows:
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
                sys.stdout.flush()
        else:
            _csv(tables, rows)
    return 0


def reader(catalogue: Catalogue, member: str) -> None:
    """Refuse a member that reads nothing."""
    known = catalogue.members.get(member)
    if known is None or not known.reads:
        readers = [one.id for one in catalogue.members.values() if one.reads]
        raise InvalidError(
            f"--member {member}: reads no indicators; these do: {', '.join(readers)}"
        )


def row_of(table: Table, one: Observation) -> dict[str, Any]:
    """An observation in the words of its data structure."""
    names = [dimension.id for dimension in table.dimensions]
    before = (one.table, one.frequency, one.area, one.sex)
    after = (
        one.period,
        one.value,
        one.status,
        one.conf,
        one.unit,
        one.vintage,
        one.release,
        one.released_ms,
        one.residence_rule,
    )
    return {
        **dict(zip(_BEFORE, before, strict=True)),
        **dict(zip(names, one.dimensions, strict=True)),
        **dict(zip(_AFTER, after, strict=True)),
    }


def _csv(tables: Sequence[Table], rows: Iterator[dict[str, Any]]) -> None:
    """One header for all tables: a column for each dimension that any of them has."""
    names = dict.fromkeys(one.id for table in tables for one in table.dimensions)
    columns = (*_BEFORE, *names, *_AFTER)
    writer = csv.DictWriter(sys.stdout, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        sys.stdout.flush()


def _table(found: Sequence[Observation], out: Output) -> None:
    out.table(
        "Observations",
        ("table", "series", "period", "value", "status", "release"),
        [
            (
                one.table,
                one.series,
                one.period,
                "" if one.value is None else f"{one.value:,g}",
                one.status if one.conf == "F" else f"{one.status}/{one.conf}",
                f"{one.vintage} {one.release[:8]}",
            )
            for one in found
        ],
        right=("value",),
    )
    out.say(f"{len(found):,} observations, all verified")
