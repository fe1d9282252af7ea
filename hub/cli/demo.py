"""``kerwen demo``: the whole hub on this machine, one sample year, audited."""

from __future__ import annotations

import argparse
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from hub.cli import audit as audit_verb
from hub.cli import query
from hub.cli.output import Output
from hub.cli.up import gateways
from hub.client import wait_for
from hub.core.access import STAGES, a_reader
from hub.core.catalogue.model import Catalogue
from hub.edge import control
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.trials import audit, demo
from hub.trials.fresh import fresh
from hub.trials.sample.write import write

RELEASE_SECONDS_MAX = 600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--exit",
        action="store_true",
        help="stop after the audit (default: keep running)",
    )
    parser.add_argument(
        "--persons",
        type=int,
        default=20_000,
        help="size of the synthetic population (default: 20000)",
    )
    parser.add_argument(
        "--table", default="PRM_NEW", help="table to print (default: PRM_NEW)"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="of the sample (default: 7)"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    published: demo.Published
    tables: int
    observations: int
    audited: audit.Audit
    seconds: float


def run(args: argparse.Namespace, out: Output) -> int:
    """Exit 0 only if the audit is equal."""
    given = from_environment()
    catalogue = read_catalogue(given.catalogue)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with fresh(given, "demo", keep="KERWEN_HOME" in os.environ) as settings:
        out.say(f"starting a hub in {settings.home.root}")
        began = time.monotonic()
        # Who stays wants to look around; who exits need not wait for it.
        plan = Plan(services=() if args.exit else gateways())
        with Supervisor(settings, plan) as hub:
            out.say(
                f"Kafka with mutual TLS and {len(STAGES)} agents are ready after "
                f"{time.monotonic() - began:.0f} s, brokers at {hub.broker.bootstrap}"
            )
            for one in hub.kept:
                if not one.stage:
                    out.say(f"members' {one.name} at http://{one.address}")
            done = _year(hub.settings, catalogue, args, out, began)
            _show(hub.settings, catalogue, args, out, done)
            if not args.exit:
                out.say("the hub goes on; Ctrl-C stops it and leaves nothing behind")
                _until_interrupted()
                out.say("stopping the hub")
    return 0 if done.audited.verdict == "equal" else 1


def _year(
    settings: Settings,
    catalogue: Catalogue,
    args: argparse.Namespace,
    out: Output,
    began: float,
) -> _Done:
    """Publish, declare, close, wait, audit."""
    folder = settings.home.root / "sample"
    sample = write(folder, catalogue, persons=args.persons, seed=args.seed)
    out.say(
        f"{sample.rows} rows of {len(sample.files)} files, {sample.persons} persons"
    )
    published = demo.publish(settings, catalogue, folder)
    out.say(
        f"published {published.published} rows: {published.accepted} accepted, "
        f"{published.duplicates} duplicates, {published.quarantined} quarantined, "
        f"receipted in {published.seconds:.0f} s"
    )
    marker = control.close(settings, catalogue, period="2025")
    vintages = wait_for(
        settings,
        a_reader(catalogue),
        marker.marker,
        marker.tables,
        RELEASE_SECONDS_MAX,
    )
    seconds = time.monotonic() - began
    observations = sum(one.observations for one in vintages)
    out.say(f"released {len(vintages)} tables, {observations} signed observations")
    return _Done(
        published=published,
        tables=len(vintages),
        observations=observations,
        audited=audit.audit(settings, catalogue, marker.marker),
        seconds=seconds,
    )


def _show(
    settings: Settings,
    catalogue: Catalogue,
    args: argparse.Namespace,
    out: Output,
    done: _Done,
) -> None:
    published = done.published
    if not out.as_json:
        query.show(settings, catalogue, args.table, out)
    audit_verb.report(done.audited, out)
    out.result(
        {
            "published": published.published,
            "accepted": published.accepted,
            "duplicates": published.duplicates,
            "quarantined": published.quarantined,
            "unique": done.audited.unique,
            "tables": done.tables,
            "observations": done.observations,
            "audit": done.audited.verdict,
            "seconds": round(done.seconds, 1),
            "records_per_second": round(published.published / published.seconds),
        }
    )


def _until_interrupted() -> None:
    """Wait for Ctrl-C or TERM; no lock is held that a signal could tear."""
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3_600)
