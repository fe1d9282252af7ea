"""``kerwen receipts``: what the hub signed about each batch of a ministry.

Rules:

- All of it needs no network: spool, registry and catalogue are enough.
- ``find``, ``cancel`` and ``prove`` are about one record (:mod:`hub.cli.subject`); the
  latter two ask the brokers.
- What was refused is mended with ``kerwen quarantine``.
- Rows of quiet dataflows are not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hub.cli import ministry, subject
from hub.cli.output import Output
from hub.core.catalogue.model import Catalogue, Member
from hub.core.errors import InvalidError, UsageError
from hub.core.keys import KeyRegistry
from hub.core.messages import Receipt, decode_as
from hub.edge import keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment
from hub.publisher import ledger, receipts
from hub.publisher.entries import Item, State
from hub.publisher.spool import Spool

_RECEIPT_BYTES_MAX = 1 << 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", choices=("list", "verify", "export", *subject.WORDS))
    ministry.arguments(parser, wait=False)
    parser.add_argument(
        "--file",
        type=Path,
        help="verify: a receipt; export, prove: where to; cancel: a file with it",
    )
    subject.arguments(parser)
    parser.add_argument("--batch", help="export: how its digest begins (see list)")


def run(args: argparse.Namespace, out: Output) -> int:
    """List, verify or export."""
    settings = from_environment()
    if args.action == "verify" and args.file is not None:
        return _verify_file(args.file, keyring.registry(settings.home.root), out)
    catalogue = read_catalogue(settings.catalogue)
    member = catalogue.members.get(args.member)
    if member is None:
        raise InvalidError(f"--member {args.member}: not in the catalogue")
    if args.action in ("cancel", "prove"):
        word = subject.cancel if args.action == "cancel" else subject.prove
        return word(args, catalogue, out)
    with _spool(settings, args.member) as spool:
        if args.action == "find":
            return subject.find(spool, args, out)
        if args.action == "verify":
            registry = keyring.registry(settings.home.root)
            return _verify(spool, registry, member, out)
        if args.action == "export":
            return _export(spool, args, out)
        return _list(spool, catalogue, out)


def _spool(settings: Settings, member: str) -> Spool:
    return Spool.open(settings.home.spool / f"{member}.sqlite", write=False)


def _list(spool: Spool, catalogue: Catalogue, out: Output) -> int:
    rows = [
        _row(item, quiet=catalogue.dataflows[item.dataflow].quiet)
        for item in ledger.items(spool)
        if item.state != State.REPLACED
    ]
    out.table(
        "Batches and their receipts",
        ("batch", "dataflow", "#", "state", "rows", "taken", "refused"),
        [
            (
                row["digest"][:8],
                row["dataflow"],
                row["sequence"],
                row["state"],
                row["rows"] if row["kind"] == "records" else "period",
                row["accepted"] if row["kind"] == "records" else "",
                _refused(row["refused"]),
            )
            for row in rows
        ],
        right=("#", "rows", "taken"),
    )
    out.result({"receipts": rows})
    return 0


def _row(item: Item, *, quiet: bool) -> dict[str, Any]:
    receipt = decode_as(Receipt, item.receipt) if item.receipt else None
    row: dict[str, Any] = {
        "digest": item.digest.hex(),
        "dataflow": item.dataflow,
        "kind": item.kind,
        "lane": item.lane.hex(),
        "sequence": item.sequence,
        "state": str(item.state),
        "outcome": receipt.outcome if receipt else None,
        "received_ms": receipt.received_ms if receipt else None,
        "rows": None,
        "accepted": None,
        "refused": None,
    }
    if not quiet:
        row["rows"] = item.rows
        row["accepted"] = receipt.accepted if receipt else None
        row["refused"] = dict(receipt.refused) if receipt else None
    return row


def _refused(reasons: dict[str, int] | None) -> str:
    return ", ".join(f"{name} {number}" for name, number in (reasons or {}).items())


def _verify(spool: Spool, registry: KeyRegistry, member: Member, out: Output) -> int:
    found = receipts.verify_spool(spool, registry, member)
    head = (
        f"{found.receipts} receipts verified, {len(found.problems)} problems, "
        f"{found.without} batches without a receipt"
    )
    out.result(
        {
            "receipts": found.receipts,
            "without": found.without,
            "problems": list(found.problems),
        },
        "\n".join((head, *found.problems)),
    )
    return 1 if found.problems else 0


def _verify_file(path: Path, registry: KeyRegistry, out: Output) -> int:
    try:
        if path.stat().st_size > _RECEIPT_BYTES_MAX:
            raise InvalidError(f"{path}: too large for a receipt")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read ({error.strerror})") from error
    receipt = receipts.verify(content, registry)
    out.result(
        {
            "member": receipt.member,
            "dataflow": receipt.dataflow,
            "digest": receipt.digest.hex(),
            "sequence": receipt.sequence,
            "outcome": receipt.outcome,
            "key_id": receipt.key_id,
        },
        f"{path}: signed by {receipt.key_id}: batch {receipt.digest.hex()[:12]} of "
        f"{receipt.member}, {receipt.dataflow}: {receipt.outcome}",
    )
    return 0


def _export(spool: Spool, args: argparse.Namespace, out: Output) -> int:
    if not args.batch or args.file is None:
        raise UsageError("export needs --batch and --file")
    found = [
        item
        for item in ledger.items(spool)
        if item.digest.hex().startswith(args.batch.lower())
    ]
    if len(found) != 1:
        raise InvalidError(
            f"--batch {args.batch}: {len(found)} batches begin so; "
            "`kerwen receipts list` shows them"
        )
    content = receipts.export(spool, found[0].digest)
    try:
        args.file.write_bytes(content)
    except OSError as error:
        raise InvalidError(f"{args.file}: {error.strerror}") from error
    out.result({"file": str(args.file)}, f"receipt written to {args.file}")
    return 0
