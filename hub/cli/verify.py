"""``kerwen verify``: are these the figures that the hub signed? Offline.

Rules:

- Needs a file of figures, its proof, and the hub's public keys: no hub, no network.
- Every difference is named: the figure, the release, the column; exit code 1.
- ``--hub`` also asks a running hub whether a release was taken back since;
  ``--subscribe`` verifies what the hub gives out right now, without a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from hub.cli.output import Output
from hub.cli.subscribe import MEMBER, reader
from hub.client import observations, tablefiles, vintages
from hub.core import proof
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError, UsageError
from hub.core.keys import KeyRegistry, read_registry
from hub.core.proof import Proof
from hub.edge import keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

FINDINGS_SHOWN = 50


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "file", type=Path, nargs="?", help="figures, .jsonl or .csv, as subscribed"
    )
    parser.add_argument(
        "--proof", type=Path, help="default: beside the file, .proof.json"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        help="the hub's public keys (default: the registry of KERWEN_HOME)",
    )
    parser.add_argument(
        "--hub", action="store_true", help="ask the hub what was taken back since"
    )
    parser.add_argument(
        "--subscribe", action="store_true", help="verify what the hub gives out now"
    )
    parser.add_argument(
        "--member", default=MEMBER, help=f"who reads (default: {MEMBER})"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Verify; 1 where anything does not hold."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    if args.subscribe == (args.file is not None):
        raise UsageError("verify: name a file, or give --subscribe instead of one")
    if args.subscribe:
        return _live(settings, catalogue, args.member, out)
    held = proof.loads(
        _text(args.proof or tablefiles.proof_beside(args.file), "kerwen subscribe")
    )
    if args.hub:
        held = _newest(held, settings, catalogue, args.member)
    registry = _registry(args.keys, settings)
    figures = list(tablefiles.read(args.file, catalogue))
    findings = proof.check(held, figures, registry)
    return _told(args.file, len(figures), _releases(held), findings, out)


def _live(settings: Settings, catalogue: Catalogue, member: str, out: Output) -> int:
    """Every release of the hub; the client raises at the first that does not hold."""
    reader(catalogue, member)
    figures = sum(1 for _ in observations(settings, member, catalogue=catalogue))
    releases = sum(1 for _ in vintages(settings, member))
    out.result(
        {"verified": True, "observations": figures, "manifests": releases},
        f"verified: {figures:,} observations under {releases:,} signed manifests",
    )
    return 0


def _newest(
    held: Proof, settings: Settings, catalogue: Catalogue, member: str
) -> Proof:
    """The proof with the withdrawals that came after it was written."""
    reader(catalogue, member)
    mine = {(one.table, one.marker) for one in held.manifests}
    known = set(held.manifests)
    later = [
        one
        for one in vintages(settings, member)
        if one.action == proof.WITHDRAW
        and (one.table, one.marker) in mine
        and one not in known
    ]
    return replace(held, manifests=(*held.manifests, *later))


def _told(
    path: Path,
    figures: int,
    releases: int,
    findings: Sequence[proof.Finding],
    out: Output,
) -> int:
    if findings:
        out.table(
            f"{path}: not as it was signed",
            ("what", "where", "column", "why"),
            [(f.kind, f.where, f.field, f.text) for f in findings[:FINDINGS_SHOWN]],
        )
    verdict = "not verified" if findings else "verified"
    more = f"; {len(findings)} things do not hold" if findings else ""
    out.result(
        {
            "file": str(path),
            "verified": not findings,
            "observations": figures,
            "releases": releases,
            "findings": [asdict(one) for one in findings],
        },
        f"{verdict}: {figures:,} observations of {releases} releases{more}",
    )
    return 1 if findings else 0


def _releases(held: Proof) -> int:
    return sum(1 for one in held.manifests if one.action == proof.RELEASE)


def _registry(path: Path | None, settings: Settings) -> KeyRegistry:
    if path is None:
        return keyring.registry(settings.home.root)
    return read_registry(_text(path, "kerwen keys"))


def _text(path: Path, source: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(tablefiles.PROOF_BYTES_MAX + 1)
        if len(content) > tablefiles.PROOF_BYTES_MAX:
            raise InvalidError(f"{path}: too large to be what `{source}` writes")
        return content.decode()
    except OSError as error:
        text = error.strerror or "cannot be read"
        raise InvalidError(f"{path}: {text}; `{source}` writes it") from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path}: not UTF-8 at byte {error.start}") from error
