"""Throughput of the whole path: real broker, real agents, everything durable.

Rules (design: bars):

- Batches are sealed and spooled first; what is timed is the hub: from the first sealed
  batch sent to the last cell of the cut, then to the last signed vintage.
- CPU seconds are those the kernel counted for each process, so a figure can be read on
  a machine that was doing other things as well.
- Records are rows published; a rate is a rate of rows through all stages.
"""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.client import wait_for
from hub.core.access import a_reader
from hub.core.catalogue.model import Catalogue
from hub.edge import control
from hub.edge.settings import Settings
from hub.embedded.supervisor import Supervisor
from hub.publisher.entries import Publication
from hub.publisher.publish import Session
from hub.trials import audit, demo
from hub.trials.sample.write import write

ROWS_PER_PERSON = 7.4
"""What the sample makes of a person in a year, measured."""
WAIT_SECONDS_MAX = 3600.0
_TICKS = os.sysconf("SC_CLK_TCK")
_SUM = re.compile(r"^kerwen_(\w+_seconds)_sum\{[^}]*\} (\S+)$", re.MULTILINE)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one run came to.

    Attributes:
        sealing_seconds: Reading, sealing and spooling, before the clock starts.
        path_seconds: First batch sent to last receipt and last snapshot of the cut.
        release_seconds: From there to the last signed vintage.
        cpu_seconds: By process, within `path_seconds` and `release_seconds`.
        inside_seconds: By process: step, acknowledgement, write.
        rss_bytes_max: Peak memory by process.
    """

    records: int
    sealing_seconds: float
    path_seconds: float
    release_seconds: float
    cpu_seconds: Mapping[str, float]
    inside_seconds: Mapping[str, Mapping[str, float]]
    rss_bytes_max: Mapping[str, int]
    audit: str

    @property
    def records_per_second(self) -> float:
        """Rows a second through all stages up to the cells of the cut."""
        return self.records / self.path_seconds


def path(
    settings: Settings,
    catalogue: Catalogue,
    *,
    records: int,
    seed: int,
    tell: Tell,
) -> Figures:
    """Run the whole path once in a fresh home."""
    folder = settings.home.root / "sample"
    persons = max(200, round(records / ROWS_PER_PERSON))
    sample = write(folder, catalogue, persons=persons, seed=seed)
    tell(f"{sample.rows} rows written")
    with Supervisor(settings, catalogue=catalogue) as hub:
        began = time.monotonic()
        spooled = seal(hub.settings, catalogue, folder)
        sealed = time.monotonic()
        tell(f"sealed and spooled in {sealed - began:.1f} s")
        pids = _pids(hub)
        before = {name: _cpu(pid) for name, pid in pids.items()}
        rows = send(hub.settings, catalogue, spooled)
        marker = control.close(hub.settings, catalogue, period="2025")
        _complete(hub)
        done = time.monotonic()
        tell(f"{rows} rows through all stages in {done - sealed:.1f} s")
        reader = a_reader(catalogue)
        wait_for(hub.settings, reader, marker.marker, marker.tables, WAIT_SECONDS_MAX)
        released = time.monotonic()
        tell(f"released in {released - done:.1f} s more; auditing")
        return Figures(
            records=rows,
            sealing_seconds=sealed - began,
            path_seconds=done - sealed,
            release_seconds=released - done,
            cpu_seconds={name: _cpu(pid) - before[name] for name, pid in pids.items()},
            inside_seconds={k.name: _inside(k.address) for k in hub.kept},
            rss_bytes_max={name: rss_bytes_max(pid) for name, pid in pids.items()},
            audit=audit.audit(hub.settings, catalogue, marker.marker).verdict,
        )


Spooled = dict[str, list[Publication]]


def seal(settings: Settings, catalogue: Catalogue, folder: Path) -> Spooled:
    """Everything in the spools, nothing sent; the publications of each member."""
    wanted = demo.manifest(folder)
    spooled: Spooled = {}
    members = dict.fromkeys(one["member"] for one in wanted["declarations"])
    for member in members:
        with Session.open(settings, catalogue, member) as session:
            spooled[member] = [
                session.add(
                    file["dataflow"], folder / file["path"], again=file["again"]
                )
                for file in wanted["files"]
                if file["member"] == member
            ]
            for one in wanted["declarations"]:
                if one["member"] == member:
                    session.declare(one["dataflow"], one["period"], nil=one["nil"])
    return spooled


def send(settings: Settings, catalogue: Catalogue, spooled: Spooled) -> int:
    """Send all spools and wait for every receipt; the rows that were sent."""

    def settle(member: str) -> int:
        with Session.open(settings, catalogue, member) as session:
            session.settle(WAIT_SECONDS_MAX)
            return sum(session.summary(one).published for one in spooled[member])

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(settle, spooled))


def _complete(hub: Supervisor) -> None:
    """Wait until no agent before release has anything left to fold."""
    quiet = 0
    while quiet < 2:  # a gauge is a second old; twice nothing is nothing
        time.sleep(0.5)
        behind = sum(_lag(k.address) for k in hub.kept if k.stage != "release")
        quiet = quiet + 1 if behind == 0 else 0


def _page(address: str) -> str:
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _lag(address: str) -> float:
    found = re.findall(
        r"^kerwen_lag_messages\{[^}]*\} (\S+)$", _page(address), re.MULTILINE
    )
    return sum(map(float, found))


def _inside(address: str) -> dict[str, float]:
    return {name: round(float(text), 2) for name, text in _SUM.findall(_page(address))}


def _pids(hub: Supervisor) -> dict[str, int]:
    pids = {kept.name: kept.pid for kept in hub.kept} | {"kafka": hub.broker.pid}
    return {name: pid for name, pid in pids.items() if pid is not None}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_bytes_max(pid: int) -> int:
    """Peak resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    kilobytes = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(kilobytes[1]) * 1024 if kilobytes else 0


def as_json(figures: Figures) -> dict[str, Any]:
    """One object, rounded for reading."""
    return {
        "records": figures.records,
        "records_per_second": round(figures.records_per_second),
        "sealing_seconds": round(figures.sealing_seconds, 1),
        "path_seconds": round(figures.path_seconds, 1),
        "release_seconds": round(figures.release_seconds, 1),
        "cpu_seconds": {k: round(v, 1) for k, v in figures.cpu_seconds.items()},
        "inside_seconds": dict(figures.inside_seconds),
        "rss_mb_max": {k: v >> 20 for k, v in figures.rss_bytes_max.items()},
        "audit": figures.audit,
    }
