"""``kerwen explain``: what an alert means and what to do, in three languages."""

from __future__ import annotations

import argparse
import difflib

from hub.cli.output import Output
from hub.core.errors import UsageError
from hub.edge import alerts


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("alert", nargs="?", help="its name; without: list them all")
    parser.add_argument(
        "--lang", choices=alerts.LANGUAGES, default="en", help="language (default: en)"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Explain one alert, or list all of them."""
    known = alerts.read()
    if args.alert is None:
        rows = [(one.name, one.what[args.lang]) for one in known.values()]
        out.table("Alerts", ("alert", alerts.HEADS[args.lang][0]), rows)
        out.result({"alerts": dict(rows)})
        return 0
    wanted = args.alert.lower().removeprefix("kerwen")
    found = next(
        (one for name, one in known.items() if name.lower() == f"kerwen{wanted}"), None
    )
    if found is None:
        near = difflib.get_close_matches(f"Kerwen{args.alert}", known, 1, 0.3)
        hint = f"; did you mean {near[0]}" if near else ""
        raise UsageError(
            f"no alert is called {args.alert}{hint}: `kerwen explain` lists them"
        )
    meaning, remedy = alerts.HEADS[args.lang]
    out.result(
        {
            "alert": found.name,
            "language": args.lang,
            "what": found.what[args.lang],
            "do": found.do[args.lang],
        },
        f"{found.name}\n{meaning}: {found.what[args.lang]}\n"
        f"{remedy}: {found.do[args.lang]}",
    )
    return 0
