"""``kerwen catalogue``: what is declared; whether it holds together."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from hub.cli import calculations, evolution, framework, taking
from hub.cli.output import Output
from hub.core.catalogue import lint
from hub.core.catalogue.model import Catalogue, Table
from hub.core.catalogue.pages import pages
from hub.core.errors import InvalidError, UsageError
from hub.edge import alerts, declared
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    actions = ("list", "check", "plan", "apply", "docs", "gender", "calculate")
    parser.add_argument("action", choices=actions)
    parser.add_argument(
        "indicator", nargs="?", help="calculate: which, for example 10.7.2"
    )
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="calculate: answers as CSV"
    )
    parser.add_argument(
        "--folder", type=Path, help="catalogue folder (default: KERWEN_CATALOGUE)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("docs/reference"), help="where docs go"
    )
    parser.add_argument(
        "--cells", type=Path, help="check: true cells, as `kerwen audit --cells` writes"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OLD",
        help="check: may it follow that catalogue (a folder, a checkout, a bundle)",
    )
    parser.add_argument(
        "--national",
        action="store_true",
        help="check: the cells are national data, so too many small ones are refused",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """List, check or document the catalogue; the gender framework; calculators."""
    if args.action == "calculate":
        return calculations.run(args.indicator, args.answers, out)
    if args.indicator is not None:
        raise UsageError(f"catalogue {args.action} takes no {args.indicator}")
    settings = from_environment()
    if args.folder is not None:
        settings = replace(settings, catalogue=args.folder)
    if args.action in {"plan", "apply"}:
        return taking.run(args.action, settings, out)
    catalogue = read_catalogue(settings.catalogue)
    if args.action == "gender":
        return framework.run(settings, catalogue, out)
    if args.against is not None:
        return evolution.against(settings.catalogue, args.against, out)
    return _declared(args, catalogue, out)


def _declared(args: argparse.Namespace, catalogue: Catalogue, out: Output) -> int:
    """What needs nothing but the catalogue."""
    if args.action == "list":
        _list(catalogue, out)
        return 0
    if args.action == "docs":
        args.output.mkdir(parents=True, exist_ok=True)
        made = {**pages(catalogue), "metrics.md": declared.page()}
        made["runbook.md"] = alerts.page()
        for name, text in made.items():
            (args.output / name).write_text(text, "utf-8")
        out.result({"pages": sorted(made)}, f"{len(made)} pages in {args.output}")
        return 0
    if args.cells is not None:
        return _usability(args.cells, national=args.national, out=out)
    counts = {
        "dataflows": len(_flows(catalogue)),
        "tables": len(_tables(catalogue)),
        "members": len(_members(catalogue)),
        "codelists": len(catalogue.codelists),
        "digest": catalogue.digest.hex(),
    }
    out.result(
        counts,
        "catalogue holds together: {dataflows} dataflows, {tables} tables, "
        "{members} members, {codelists} codelists, digest {digest:.16}…".format(
            **counts
        ),
    )
    return 0


def _usability(path: Path, *, national: bool, out: Output) -> int:
    """How many cells are large enough; 1 where national data fail the gate."""
    try:
        lines = path.read_text("utf-8").splitlines()
        shares = lint.usability(json.loads(line) for line in lines)
    except OSError as error:
        text = error.strerror or "cannot be read"
        raise InvalidError(
            f"{path}: {text}; `kerwen audit --cells` writes it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path}: not what `kerwen audit --cells` writes") from error
    failing = [name for name, share in shares.items() if share < lint.SHARE_MIN]
    out.table(
        f"Women's and men's cells of {lint.CELL_MIN} and more",
        ("table", "share", ""),
        [
            (name, f"{float(share):.0%}", "fails" if name in failing else "")
            for name, share in shares.items()
        ],
        right=("share",),
    )
    out.result(
        {
            "shares": {name: float(share) for name, share in shares.items()},
            "failing": failing,
            "national": national,
        },
        f"{len(failing)} of {len(shares)} tables are mostly small cells"
        f"{': merge their codes or lower their frequency' if failing else ''}",
    )
    return 1 if national and failing else 0


def _flows(catalogue: Catalogue) -> list[dict[str, object]]:
    return [
        {
            "id": flow.id,
            "title": flow.title.en,
            "domain": str(flow.domain),
            "quiet": flow.quiet,
            "providers": [
                member.id
                for member in catalogue.members.values()
                if flow.id in member.provides
            ],
        }
        for flow in catalogue.dataflows.values()
        if not flow.reserved and not flow.probe
    ]


def _tables(catalogue: Catalogue) -> list[dict[str, object]]:
    return [
        {
            "id": table.id,
            "title": table.title.en,
            "measure": str(table.measure),
            "dataflow": table.dataflow,
            "dimensions": [dimension.id for dimension in table.dimensions],
            "frequency": table.frequency,
            "policy": table.policy,
            "references": list(table.references),
        }
        for table in catalogue.tables.values()
        if not table.internal and not _is_probe(catalogue, table)
    ]


def _is_probe(catalogue: Catalogue, table: Table) -> bool:
    """Whether a table only shows synthetic records."""
    return table.dataflow is not None and catalogue.dataflows[table.dataflow].probe


def _members(catalogue: Catalogue) -> list[str]:
    """Members, without the operator's own probe."""
    return [
        member.id
        for member in catalogue.members.values()
        if not any(catalogue.dataflows[flow].probe for flow in member.provides)
    ]


def _list(catalogue: Catalogue, out: Output) -> None:
    flows, tables = _flows(catalogue), _tables(catalogue)
    out.table(
        "Dataflows",
        ("id", "title", "domain", "providers"),
        [
            (flow["id"], flow["title"], flow["domain"], ", ".join(flow["providers"]))  # type: ignore[arg-type]  # built above as a list of str
            for flow in flows
        ],
    )
    out.table(
        "Tables",
        ("id", "title", "measure", "frequency", "policy"),
        [
            (
                table["id"],
                table["title"],
                table["measure"],
                table["frequency"],
                table["policy"],
            )
            for table in tables
        ],
    )
    out.result({"dataflows": flows, "tables": tables})
