"""``kerwen status``: what is wrong; processes, positions, lag and addresses."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.text import Text

from hub.cli import board, cuts, findings, late
from hub.cli.kinds import worst_first
from hub.cli.output import Output
from hub.core.errors import HubError, MachineError, UsageError
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings, from_environment
from hub.embedded import daemon

_WATCH_SECONDS = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--watch", action="store_true", help="show it every second until Ctrl-C"
    )
    parser.add_argument(
        "--partitions", action="store_true", help="a line for every partition"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Show it; 1 when something is wrong."""
    settings = from_environment()
    if not args.watch:
        content = _look(settings)
        _show(content, out, partitions=args.partitions)
        out.result(content)
        return 1 if content["findings"] else 0
    if out.as_json:
        raise UsageError("--watch never ends and --json is one object: leave one out")
    code = 0
    with suppress(KeyboardInterrupt):
        while True:
            code = _watch(settings, out, partitions=args.partitions)
            time.sleep(_WATCH_SECONDS)
    return code


def _watch(settings: Settings, out: Output, *, partitions: bool) -> int:
    """Look once and paint it; 1 when something is wrong, 3 where nothing runs."""
    code, content = 3, None
    try:
        content = _look(settings)
        code = 1 if content["findings"] else 0
    except MachineError as error:  # what is gone may come back
        text = str(error)
    with out.console.capture() as painted:
        if content is None:
            out.say(text)
        else:
            _show(content, out, partitions=partitions, watched=True)
    board.repaint(out.console, painted.get())
    return code


def _look(settings: Settings) -> dict[str, Any]:
    """Everything that is shown; also the object of ``--json``."""
    # Both may wait, for a process that hangs and for a second look at quiet rows.
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(lambda: [*_late(settings)])
        said = daemon.status(settings)
        behind = rows.result()
    if said is None:
        root = settings.home.root
        raise MachineError(f"no hub runs in {root}: start one with `kerwen up`")
    content = content_of(said, settings.home)
    now_ms = time.time_ns() // 1_000_000
    content["cuts"] = cuts.lines(said, now_ms)
    found = [*_findings(content), *cuts.of_cuts(said, now_ms), *behind]
    content["findings"] = [asdict(one) for one in worst_first(found)]
    return content


def _findings(content: Mapping[str, Any]) -> list[findings.Finding]:
    return [findings.Finding(**one) for one in content["findings"]]


def _show(
    content: Mapping[str, Any],
    out: Output,
    *,
    partitions: bool,
    watched: bool = False,
) -> None:
    if out.as_json:
        return
    _headline(content, out, watched=watched)
    _tables(content, out, partitions=partitions, frame=not watched)
    _footer(content, out)


def _late(settings: Settings) -> Iterator[findings.Finding]:
    """What is late; nothing without a catalogue, which doctor looks at."""
    try:
        catalogue = read_catalogue(settings.catalogue)
    except HubError:
        return
    yield from late.of_rows(settings.home, catalogue)
    yield from late.of_spools(settings.home, catalogue)


def content_of(said: Mapping[str, Any], home: Home) -> dict[str, Any]:
    """What is shown of a running hub; also the object of ``--json``."""
    parts = [*said.get("workers", ()), *said.get("services", ())]
    broker = said.get("broker") or {}
    metrics = {one["name"]: f"http://{one['address']}/metrics" for one in parts}
    if broker:
        metrics["kafka"] = f"http://{broker['metrics']}/metrics"
    gateway = next((one for one in parts if one["name"] == "gateway"), None)
    return {
        "state": said.get("state"),
        "home": str(home.root),
        "pid": said.get("pid"),
        "processes": [_broker(broker), *map(_process, parts)] if broker else [],
        "addresses": {
            "bootstrap": said.get("bootstrap"),
            "gateway": f"http://{gateway['address']}" if gateway else None,
            "metrics": metrics,
        },
        "findings": [asdict(one) for one in findings.of_hub(said, home)],
    }


def _broker(broker: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "kafka",
        "stage": None,
        "pid": broker["pid"],
        "ready": broker["pid"] is not None,
        "restarts": broker["restarts"],
        "partitions": [],
        "position": None,
        "lag": None,
    }


def _process(process: Mapping[str, Any]) -> dict[str, Any]:
    """`position`: messages folded in; `lag`: messages that wait; both of all inputs."""
    inputs = process["partitions"]
    return {
        "name": process["name"],
        "stage": process["stage"] or None,
        "pid": process["pid"],
        "ready": bool((process.get("says") or {}).get("ready")),
        "restarts": process["restarts"],
        "partitions": inputs,
        "position": sum(one["position"] + 1 for one in inputs),
        "lag": sum(one["lag"] for one in inputs),
    }


def _headline(
    content: Mapping[str, Any], out: Output, *, watched: bool = False
) -> None:
    """What is wrong, before anything else: who looks has ten seconds."""
    wrong = _findings(content)
    title = board.headline(wrong)
    if watched:
        title = Text(f"{board.clock(datetime.now().astimezone())}  ") + title
    for line in (title, *board.lines(wrong, out.console.width)):
        out.console.print(line, soft_wrap=True)
    if wrong:
        out.say("" if watched else "everything about each of them: kerwen doctor\n")


def _tables(
    content: Mapping[str, Any], out: Output, *, partitions: bool, frame: bool
) -> None:
    processes = content["processes"]
    out.table(
        f"Hub in {content['home']}: {content['state']}",
        ("process", "pid", "ready", "partitions", "position", "lag", "restarts"),
        [
            (
                one["name"],
                one["pid"] or "-",
                "yes" if one["ready"] else "no",
                len(one["partitions"]) or "",
                one["position"],
                one["lag"],
                one["restarts"],
            )
            for one in processes
        ],
        right=("pid", "partitions", "position", "lag", "restarts"),
        frame=frame,
    )
    if partitions:
        _partitions(processes, out)


def _footer(content: Mapping[str, Any], out: Output) -> None:
    for cut in content.get("cuts", ()):
        out.say(
            f"cut      {cut['period']} {cut['vintage']} ({cut['marker']}) waits for "
            f"{cut['seconds']} s for {', '.join(cut['sources'])}"
        )
    for one in _rebuilds(content["processes"]):
        out.say(f"rebuild  {one}")
    addresses = content["addresses"]
    out.say(f"brokers  {addresses['bootstrap'] or '-'}")
    out.say(f"gateway  {addresses['gateway'] or '-'}")
    for name, address in addresses["metrics"].items():
        out.say(f"metrics  {address} ({name})")


def _rebuilds(processes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One line for every state that is on its way back."""
    for process in processes:
        for one in process["partitions"]:
            found = one.get("rebuilding")
            if found:
                yield (
                    f"{one['topic']}/{one['partition']}: {found['messages']} messages "
                    f"to read, {found['rows_per_second']:,.0f} rows/s, "
                    f"{found['seconds']:.0f} s left"
                )


def _partitions(processes: Iterable[Mapping[str, Any]], out: Output) -> None:
    out.table(
        "Partitions",
        ("process", "partition", "condition", "position", "end", "lag", "gaps"),
        [
            (
                process["name"],
                f"{one['topic']}/{one['partition']}",
                one["condition"],
                one["position"],
                one["end"],
                one["lag"],
                len(one["gaps"]),
            )
            for process in processes
            for one in process["partitions"]
        ],
        right=("position", "end", "lag", "gaps"),
    )
