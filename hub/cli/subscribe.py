"""``kerwen subscribe``: verified observations as a member, as they are released.

Every release is given, the oldest first; ``kerwen query`` shows the newest only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from hub.cli.output import Output
from hub.client import Subscription, bookmark, tablefiles, vintages
from hub.client.bookmark import BEGINNING
from hub.client.figures import chosen
from hub.core import proof
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import InvalidError, UsageError
from hub.core.flat import row_of
from hub.core.observation import Observation, Vintage
from hub.core.sdmx.times import moment
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

MEMBER = "iom"
"""Who reads where nobody is named: the coordinator of the Network."""


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
    parser.add_argument(
        "--as-of",
        metavar="MOMENT",
        help="what was published then: 2026-01-31T12:00:00Z",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="go on where FILE says, and note there what was given",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write FILE (.jsonl or .csv) and its proof; see: kerwen verify",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Read and print until the end, or until Ctrl-C."""
    if args.follow and args.output is not None:
        raise UsageError("--follow never ends and --output wants whole releases")
    if args.follow and (out.as_json or args.shape == "table"):
        raise UsageError("--follow never ends: add --format jsonl or csv, not --json")
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    reader(catalogue, args.member)
    tables = chosen(catalogue, [one for one in args.tables.split(",") if one])
    found = _found(settings, catalogue, tables, args)
    if args.output is not None:
        names = [table.id for table in tables]
        manifests = vintages(settings, args.member, names)
        keys = settings.home.keys / "registry.json"
        return _save(args.output, tables, found, manifests, out, keys=keys)
    if out.as_json:
        rows = [row_of(catalogue.tables[one.table], one) for one in found]
        out.result({"member": args.member, "observations": rows})
        return 0
    if args.shape == "table":
        _table(list(found), out)
        return 0
    with suppress(KeyboardInterrupt):
        tablefiles.write(sys.stdout, args.shape, tables, found)
    return 0


def moment_of(text: str | None) -> int | None:
    """The moment of ``--as-of`` in milliseconds; None: now."""
    return None if text is None else moment(text, "--as-of")


def _found(
    settings: Settings,
    catalogue: Catalogue,
    tables: Sequence[Table],
    args: argparse.Namespace,
) -> Iterator[Observation]:
    """Figures, release by release; the bookmark moves behind each."""
    mark = BEGINNING if args.resume is None else bookmark.read(args.resume)
    with Subscription(
        settings,
        args.member,
        [table.id for table in tables],
        catalogue=catalogue,
        bookmark=mark,
        as_of_ms=moment_of(args.as_of),
        follow=args.follow,
    ) as releases:
        for release in releases:
            yield from release.observations
            if args.resume is not None:
                bookmark.write(args.resume, releases.bookmark)


def reader(catalogue: Catalogue, member: str) -> None:
    """Refuse a member that reads nothing."""
    known = catalogue.members.get(member)
    if known is None or not known.reads:
        readers = [one.id for one in catalogue.members.values() if one.reads]
        raise InvalidError(
            f"--member {member}: reads no indicators; these do: {', '.join(readers)}"
        )


def _save(
    path: Path,
    tables: Sequence[Table],
    found: Iterable[Observation],
    manifests: Iterable[Vintage],
    out: Output,
    *,
    keys: Path,
) -> int:
    """Write the figures and, beside them, what verifies them offline."""
    shape = tablefiles.shape_of(path)
    # The manifests come after the figures: one more does no harm, one less would.
    figures = list(found)
    beside = tablefiles.proof_beside(path)
    with path.open("w", encoding="utf-8", newline="") as stream:
        tablefiles.write(stream, shape, tables, figures)
    beside.write_text(proof.dumps(proof.of(manifests, figures)), "utf-8")
    out.result(
        {"file": str(path), "proof": str(beside), "observations": len(figures)},
        f"{len(figures):,} observations in {path}, proof in {beside}; verify them "
        f"anywhere with a copy of {keys}: `kerwen verify {path} --keys registry.json`",
    )
    return 0


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
