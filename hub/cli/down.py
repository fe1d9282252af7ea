"""``kerwen down``: stop the hub of this home, whole."""

from __future__ import annotations

import argparse

from rich.console import Console

from hub.cli.output import Output
from hub.edge.settings import from_environment
from hub.embedded import daemon


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing: there is one hub a home."""
    del parser


def run(args: argparse.Namespace, out: Output) -> int:
    """Stop it and wait until it is gone."""
    del args
    settings = from_environment()
    with Console(stderr=True).status("stopping"):
        ran = daemon.down(settings)
    root = settings.home.root
    text = f"stopped the hub in {root}" if ran else f"no hub runs in {root}"
    out.result({"stopped": ran, "home": str(root)}, text)
    return 0
