"""Dedupe's step over a real state: rows a CPU second, bytes of state, peak memory.

Rules:

- The step, the overlay and the state are those of the agent; only the broker is not
  there. Chunks are as large as the runtime makes them.
- Rows are made in another process and come through a pipe, so the memory measured is
  that of a worker.
- Processor seconds are those of the whole process, with RocksDB's own threads beside:
  the machine may be busy with other things.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
)

from benchmarks.resolver.world import World, mixed
from hub.core import bundle
from hub.core.blocks import InternalKey
from hub.core.catalogue.model import Domain
from hub.core.dedupe import Dedupe, flows
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.log import ROW_LAST, Coordinate, Incoming, Source
from hub.core.state import Overlay
from hub.core.topics import records_topic
from hub.edge.files import read_catalogue
from hub.edge.state import Budget, State, open_state

FLOW = "border_crossing"
KEY = InternalKey(key_id="records-1", secret=b"r" * 32)
FACTS = InternalKey(key_id="facts-1", secret=b"f" * 32)
LOG = b"L" * 16
CHUNK_BYTES = 4 << 20
Step = tuple[str, int]
"""Kind of rows, and how many."""


def make(
    pipe: Connection, plan: list[Step], persons: int, rows: int, seen: int = 0
) -> None:
    """In a process of its own: write the blocks of a plan into the pipe.

    `seen` persons, a row each, were made before.
    """
    catalogue = read_catalogue()
    world = World(
        flow=flows(catalogue)[FLOW],
        tiers=[c.tier for c in catalogue.linkage[Domain.MOBILITY].composites],
        source=Source(topic=f"ministry.sms.{FLOW}", partition=0, log=b"m" * 16),
        key=KEY,
        config=bundle.Bundle(catalogue=catalogue, registry=KeyRegistry(keys={})).digest,
    )
    world.records, world.offset = seen, seen // rows - 1
    if seen:
        world.start = Coordinate(offset=world.offset, row=ROW_LAST)
    for kind, count in plan:
        for start in range(0, count, rows):
            size = min(rows, count - start)
            if kind == "new":
                who = np.arange(seen, seen + size, dtype=np.uint64)
                seen += size
            else:
                places = np.arange(start, start + size, dtype=np.uint64)
                salt = 7 if kind == "known" else 8
                who = mixed(places, salt) % np.uint64(min(seen, persons))
            pipe.send((kind, size, world.blocks(who, kind)))
    pipe.send(None)
    pipe.close()


class Worker:
    """Dedupe without its broker."""

    def __init__(self, folder: Path, offset: int = 0) -> None:
        budget = Budget.of()
        state = open_state(folder, budget)
        assert state is not None  # noqa: S101 - the folder is new
        self.state: State = state
        self.stage = Dedupe(
            bundle.only(read_catalogue()),
            records=KEY,
            facts=FACTS,
            statement=SigningKey(
                key_id="statement-1",
                private=Ed25519PrivateKey.from_private_bytes(b"s" * 32),
            ),
            entropy=bytes,
        )
        topic = records_topic(Domain.MOBILITY)
        self.source = Source(topic=topic, partition=0, log=LOG)
        self.offset = offset
        self.sent = 0
        self.counts: Counter[str] = Counter()
        self.step_seconds = self.write_seconds = 0.0

    def fold(self, values: list[bytes]) -> None:
        """One chunk, in as many steps as the stage asks for."""
        chunk = []
        for value in values:
            chunk.append(Incoming(offset=self.offset, time_ms=0, value=value))
            self.offset += 1
        while chunk:
            chunk = chunk[self._step(chunk) :]

    def _step(self, chunk: list[Incoming]) -> int:
        """One step and its batch; how many messages it took."""
        overlay = Overlay(self.state)
        began = time.thread_time()
        result = self.stage.step(overlay, self.source, chunk)
        stepped = time.thread_time()
        self.state.write(overlay.pending)
        self.step_seconds += stepped - began
        self.write_seconds += time.thread_time() - stepped
        self.sent += sum(len(send.value or b"") for send in result.sends)
        for (name, labels), count in result.counts.items():
            if name == "persons_total":
                self.counts[dict(labels)["outcome"]] += int(count)
        return len(chunk) if result.taken is None else result.taken


def chunks(pipe: Connection) -> Iterator[tuple[str, int, list[bytes]]]:
    """Kind, rows and messages of each chunk."""
    held: list[bytes] = []
    kind, rows = "", 0
    while (got := pipe.recv()) is not None:
        if held and (got[0] != kind or sum(map(len, held)) >= CHUNK_BYTES):
            yield kind, rows, held
            held, rows = [], 0
        kind = got[0]
        rows += got[1]
        held += got[2]
    if held:
        yield kind, rows, held


def memory() -> tuple[int, int]:
    """Resident megabytes now and at the peak."""
    found = dict.fromkeys(("VmRSS", "VmHWM"), 0)
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) >> 10
    return found["VmRSS"], found["VmHWM"]


def size(folder: Path) -> int:
    """Bytes of the state's tables on disk."""
    return sum(path.stat().st_size for path in folder.glob("*.sst"))


def measure(
    pipe: Connection, worker: Worker, every: int, until: float
) -> Iterator[dict[str, Any]]:
    """A line of figures for every `every` rows and at each change of kind.

    After `until` (monotonic seconds) no further chunk is folded.
    """
    folder = worker.state.folder
    before: dict[str, float] = {}
    kind, rows, total, taken = "", 0, 0, 0

    def line() -> dict[str, Any]:
        now, peak = memory()
        seconds = worker.step_seconds + worker.write_seconds - before["thread"]
        return {
            "kind": kind,
            "rows": rows,
            "total": total,
            "input_mb": taken >> 20,
            "rows_per_cpu_second": round(rows / max(seconds, 1e-9)),
            "step_us": round((worker.step_seconds - before["step"]) / rows * 1e6, 1),
            "write_us": round((worker.write_seconds - before["write"]) / rows * 1e6, 1),
            "process_us": round((time.process_time() - before["cpu"]) / rows * 1e6, 1),
            "rss_mb": now,
            "peak_mb": peak,
            "state_bytes_a_row": round((size(folder) - before["disk"]) / rows),
            "disk_mb": size(folder) >> 20,
            "persons": dict(worker.counts),
        }

    def reset() -> None:
        before.update(
            thread=worker.step_seconds + worker.write_seconds,
            step=worker.step_seconds,
            write=worker.write_seconds,
            cpu=time.process_time(),
            disk=size(folder),
        )

    reset()
    for new_kind, count, values in chunks(pipe):
        if rows and (new_kind != kind or rows >= every):
            yield line()
            rows = 0
            reset()
        kind = new_kind
        worker.fold(values)
        rows += count
        total += count
        taken += sum(map(len, values))
        if time.monotonic() > until:
            break
    yield line()


def main() -> None:
    """Run a plan and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--known", type=int, default=500_000, help="rows as they were")
    parser.add_argument("--renewed", type=int, default=200_000, help="new documents")
    parser.add_argument("--block", type=int, default=20_000, help="rows a block")
    parser.add_argument("--every", type=int, default=1_000_000, help="rows a line")
    parser.add_argument("--folder", type=Path, help="a state to go on from, and keep")
    parser.add_argument("--seconds", type=int, default=500, help="end after that long")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp())
    note = folder / "reached.json"
    seen, offset = json.loads(note.read_text()) if note.exists() else (0, 0)
    plan = [("new", args.persons - seen), ("known", args.known)]
    plan = [(k, n) for k, n in (*plan, ("renewed", args.renewed)) if n]
    mine, other = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=make,
        args=(other, plan, args.persons, args.block, seen),
        daemon=True,
    )
    process.start()
    other.close()
    worker = Worker(folder / "state", offset)
    try:
        until = time.monotonic() + args.seconds
        for line in measure(mine, worker, args.every, until):
            print(json.dumps(line), flush=True)
            seen += line["rows"] if line["kind"] == "new" else 0
    finally:
        process.terminate()
        worker.state.close()
        if not args.folder:
            shutil.rmtree(folder)
    # Only new persons can be gone on from: the others' numbers are not kept.
    if args.folder and plan and seen < args.persons:
        note.write_text(json.dumps((seen, worker.offset)))


if __name__ == "__main__":
    main()
