"""``kerwen up``: a hub on this machine that goes on after the command."""

from __future__ import annotations

import argparse
import importlib.util
import time
from dataclasses import replace
from typing import Any

from rich.console import Console

from hub.cli.output import Output
from hub.core.access import STAGES
from hub.core.errors import UsageError
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment
from hub.embedded import daemon
from hub.embedded.plan import GATEWAY, Plan, Service

_SINGLE = ("release",)
"""Stages that read one partition: a second worker would have nothing to do."""
_CALENDAR = Service(name="calendar", command=("-m", "hub.cli.clock"))
"""Closes what becomes due."""
CANARY = Service(name="canary", command=("-m", "hub.trials.canary_service"))
"""Synthetic records, where the catalogue has their dataflow."""
SPOOLS = Service(name="spools", command=("-m", "hub.publisher.exporter"))
"""Figures of the ministries' spools in this home."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes for each of intake, dedupe and aggregate (default: 1)",
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port of the broker (default: a free one)"
    )
    parser.add_argument(
        "--no-calendar",
        action="store_true",
        help="close nothing by itself when the calendar says so",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Start everything and return when it is ready."""
    plan = plan_of(args.workers, args.port, calendar=not args.no_calendar)
    settings = from_environment()
    flows = read_catalogue(settings.catalogue).dataflows.values()
    if any(flow.probe for flow in flows):
        plan = replace(plan, services=(*plan.services, CANARY))
    if settings.bootstrap:
        raise UsageError(
            "KERWEN_BOOTSTRAP names brokers and `kerwen up` starts its own; unset it"
        )
    began = time.monotonic()
    with Console(stderr=True).status("starting Kafka and the agents"):
        said = daemon.up(settings, plan)
    seconds = round(time.monotonic() - began, 1)
    out.result(
        {**_shown(said), "seconds": seconds},
        f"the hub is ready after {seconds} s, brokers at {said['bootstrap']}, members' "
        f"gateway at {_address(said) or 'no address (not installed)'}; "
        "`kerwen status` shows it, `kerwen down` stops it",
    )
    return 0


def plan_of(workers: int, port: int, *, calendar: bool = True) -> Plan:
    """The plan of so many workers a stage."""
    if workers < 1:
        raise UsageError(f"--workers {workers}: expected 1 or more")
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}: expected a port number")
    return Plan(
        workers={stage: 1 if stage in _SINGLE else workers for stage in STAGES},
        port=port,
        services=(SPOOLS, *((_CALENDAR,) if calendar else ()), *gateways()),
    )


def gateways() -> tuple[Service, ...]:
    """The members' gateway, where its packages are installed."""
    return (GATEWAY,) if importlib.util.find_spec("fastapi") else ()


def _address(said: dict[str, Any]) -> str | None:
    """Where the gateway answers; None: there is none."""
    for one in said.get("services", ()):
        if one["name"] == GATEWAY.name:
            return f"http://{one['address']}"
    return None


def _shown(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("state", "pid", "home", "bootstrap")} | {
        "gateway": _address(said),
        "workers": [one["name"] for one in said["workers"]],
    }
