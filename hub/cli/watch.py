"""``kerwen watch``: a folder, a database or pushes into the spool, as a service.

Rules:

- With a plan (``--plan``) it watches everything in it; else the one thing that the
  arguments name. ``--once`` takes what is there, sends it, and ends.
- One service a member; it ends on TERM and INT at the next whole file or piece.
- Lines about what happened go to stderr, without values; metrics are on loopback.
- Exit codes of ``--once``: 1 a file or query was wrong; 3 something around is missing,
  or receipts are not all there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.cli import ministry
from hub.cli.output import Output
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError, MachineError, UsageError
from hub.edge import locks
from hub.edge.files import read_catalogue
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Settings, from_environment
from hub.publisher import push_tokens, quiet, watch_plan
from hub.publisher.figures import STAGE, Spools
from hub.publisher.publish import Session
from hub.publisher.watch import Watch
from hub.publisher.watch_plan import Plan, Reader

URL = "KERWEN_SQL_URL"
"""Where the address of a database may stand instead of a file."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    ministry.arguments(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plan", type=Path, metavar="FILE", help="TOML: what to watch")
    what.add_argument("--folder", type=Path, metavar="DIR", help="watch a folder")
    what.add_argument("--sql", action="store_true", help="ask a database ([sql])")
    what.add_argument("--http", action="store_true", help="take pushes over HTTP")
    what.add_argument(
        "--new-token", metavar="NAME", help="let NAME push; its token is shown once"
    )
    parser.add_argument("--dataflow", help="what comes, e.g. border_crossing")
    parser.add_argument("--mapping", type=Path, help="which column is which field")
    parser.add_argument(
        "--once", action="store_true", help="what is there now, and end"
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=watch_plan.SETTLE_SECONDS,
        metavar="SECONDS",
        help="how long a file must not change (default: 5)",
    )
    parser.add_argument(
        "--marked", action="store_true", help="a file is whole when NAME.done is there"
    )
    parser.add_argument(
        "--delete", action="store_true", help="delete files once they are spooled"
    )
    parser.add_argument(
        "--every",
        type=float,
        default=watch_plan.POLL_SECONDS,
        metavar="SECONDS",
        help="how often the database is asked (default: 300)",
    )
    parser.add_argument(
        "--url-file", type=Path, help=f"file with the address (default: ${URL})"
    )
    parser.add_argument(
        "--listen", default=watch_plan.LISTEN, help="HOST:PORT for --http"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Watch until told to end, or once."""
    ministry.check_wait(args.wait)
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    ministry.check_member(catalogue, args.member)
    if args.new_token is not None:
        return _token(args, out, settings, catalogue)
    plan = _plan(args, catalogue)
    with _alone(settings, args.member) as told:
        return _watch(
            args, out, settings=settings, catalogue=catalogue, plan=plan, told=told
        )


def _token(
    args: argparse.Namespace, out: Output, settings: Settings, catalogue: Catalogue
) -> int:
    """A new token; this is the only time it is shown."""
    flows = [args.dataflow] if args.dataflow else []
    for one in flows:
        if one not in catalogue.members[args.member].provides:
            raise InvalidError(f"--dataflow {one}: {args.member} does not provide it")
    path = tokens_file(settings, args.member)
    token = push_tokens.create(path, args.new_token, flows, os.urandom)
    out.result({"member": args.member, "name": args.new_token, "token": token}, token)
    return 0


def tokens_file(settings: Settings, member: str) -> Path:
    """Where the tokens of a member's clients are."""
    return settings.home.root / "push" / f"{member}.tokens"


def _plan(args: argparse.Namespace, catalogue: Catalogue) -> Plan:
    """What to watch."""
    if args.plan is not None:
        return watch_plan.read(args.plan, catalogue, args.member)
    reader = Reader(path=Path("kerwen watch"), catalogue=catalogue, member=args.member)
    part: dict[str, Any] = {"dataflow": args.dataflow}
    if args.mapping is not None:
        part["mapping"] = str(args.mapping)
    if args.folder is not None:
        return reader.plan(
            {
                "every": 1,
                "folder": [
                    part
                    | {
                        "path": str(args.folder),
                        "settle": args.settle,
                        "marked": args.marked,
                        "keep": not args.delete,
                    }
                ],
            }
        )
    if args.sql:
        return _queries(args, reader, part)
    if args.http:
        accept = {"accept": [part]} if args.dataflow else {}
        return reader.plan({"every": 1, "http": {"listen": args.listen, **accept}})
    raise UsageError("what is to be watched? --plan, --folder, --sql or --http")


def _queries(args: argparse.Namespace, reader: Reader, part: dict[str, Any]) -> Plan:
    if args.url_file is None and not os.environ.get(URL):
        raise UsageError(f"--sql needs an address: --url-file FILE, or set {URL}")
    url = (
        os.environ[URL] if args.url_file is None else watch_plan.address(args.url_file)
    )
    flow = reader.flow(part)
    mapping = reader.mapping(part, flow)
    if mapping is None:
        raise UsageError("--sql needs --mapping, with [sql] in it")
    query = watch_plan.SqlPlan(
        flow=flow, mapping=mapping, url=url, every_seconds=args.every
    )
    return Plan(member=args.member, every_seconds=1.0, queries=(query,))


@contextlib.contextmanager
def _alone(settings: Settings, member: str) -> Iterator[Path]:
    """The place of the only service of a member; what it says of itself is there."""
    settings.home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = locks.hold(settings.home.run / f"watch-{member}.lock")
    if held is None:
        raise MachineError(f"another kerwen watch of {member} runs in this home")
    told = settings.home.run / f"watch-{member}.json"
    try:
        yield told
    finally:
        told.unlink(missing_ok=True)
        held.close()


def _watch(
    args: argparse.Namespace,
    out: Output,
    *,
    settings: Settings,
    catalogue: Catalogue,
    plan: Plan,
    told: Path,
) -> int:
    """The service itself; `told` is where it says what it is."""
    metrics = Metrics(STAGE)
    slots = quiet.configured()
    watch = Watch(
        plan=plan,
        open=lambda: Session.open(settings, catalogue, args.member, slots=slots),
        slotted=slots is not None
        or quiet.begun(settings.home.spool / f"{args.member}.sqlite"),
        hushed={one.id for one in catalogue.dataflows.values() if one.quiet},
        metrics=metrics,
        listings=settings.home.root / "rejected" / args.member,
        say=out.say,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watch.stopping.set())
    with contextlib.ExitStack() as stack:
        if args.once:
            watch.tell = stack.enter_context(ministry.progress())
        says: dict[str, Any] = {
            "pid": os.getpid(),
            "since": int(time.time()),
            "folders": [str(one.path.absolute()) for one in plan.folders],
        }
        says["metrics"] = _serve(stack, metrics, settings, catalogue)
        if plan.http is not None:
            says["http"] = _listen(stack, watch, settings, catalogue)
            out.say(f"pushes are taken on {plan.http.host}:{says['http']}")
        told.write_text(json.dumps(says), "utf-8")
        if args.once:
            watch.once(args.wait)
        else:
            watch.run()
    out.result(
        {
            "member": args.member,
            "failed": watch.failed,
            "troubled": watch.troubled,
            "waiting_batches": watch.waiting,
        },
        f"{args.member}: {watch.failed} failed, {watch.waiting} batches wait",
    )
    if not args.once:
        return 0
    return 1 if watch.failed else 3 * bool(watch.waiting or watch.troubled)


def _serve(
    stack: contextlib.ExitStack,
    metrics: Metrics,
    settings: Settings,
    catalogue: Catalogue,
) -> int:
    """Metrics and probes; returns the port."""
    hidden = {one.id for one in catalogue.dataflows.values() if one.quiet}
    spools = Spools(settings.home.spool, hidden, lambda: time.time_ns() // 1_000_000)
    metrics.registry.register(spools)
    server = Server(
        metrics,
        live=lambda: {"ok": threading.main_thread().is_alive()},
        ready=lambda: {"ok": True},
        host=settings.metrics_host,
        port=settings.metrics_port,
    )
    stack.callback(server.close)
    return server.port


def _listen(
    stack: contextlib.ExitStack, watch: Watch, settings: Settings, catalogue: Catalogue
) -> int:
    """Pushes; returns the port."""
    try:
        from hub.publisher import push  # noqa: PLC0415 - only who pushes needs its wheels
    except ImportError as error:
        raise MachineError(
            f"{error.name} is not installed, which takes pushes; install it with: "
            "pip install 'kerwen[publisher]'"
        ) from error
    plan, member = watch.plan.http, watch.plan.member
    if plan is None:
        raise AssertionError("asked only where there is one")
    desk = push.Desk(
        plan=plan,
        dataflows=catalogue.dataflows,
        tokens=tokens_file(settings, member),
        folder=settings.home.spool / f"{member}.push",
        jobs=watch.jobs,
        count=lambda dataflow, code: watch.counted(
            "pushes_total", dataflow=dataflow, outcome=code
        ),
    )
    server = push.Server(desk)
    port = server.start()
    stack.callback(server.close)
    return port
