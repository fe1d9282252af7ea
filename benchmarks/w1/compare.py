"""Runs W1 with every contender on one embedded broker and prints the ratios.

Rules:

- Topics are filled before anything is measured; a contender reads its backlog.
- Contenders take turns, so that a slow minute of the machine hits all of them;
  medians of the rounds are compared.
- A run whose counts are not exactly the expected ones ends the benchmark.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import polars as pl
from contenders import (
    FAUST,
    HERE,
    KERWEN,
    PEERS,
    QUIX,
    STREAMS,
    TITLES,
    Run,
    compile_streams,
)
from data import expected, records
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)
from measure import Figure, figure, sample, wait_for_quiet
from work import PARTITIONS, ROWS, SCHEMA, seal

from hub.core import avro
from hub.core.log import Send
from hub.core.messages import Genesis, encode
from hub.edge import kafka
from hub.edge.settings import Home, Settings
from hub.embedded import pki
from hub.embedded.children import Child
from hub.embedded.kafka import Kafka

RUN_SECONDS_MAX = 900
START_SECONDS_MAX = 120
TURNS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One broker with all topics filled.

    Attributes:
        expected: By number of records: what has to be counted.
        patience: Seconds to wait for a quiet machine before a run.
    """

    settings: Settings
    broker: Kafka
    client: KafkaAdminClient
    expected: dict[int, dict[str, object]]
    patience: float

    def run(self, contender: str, rows: int, turn: int) -> Figure:
        """One contender, once; its counts are checked."""
        group = f"w1-{contender}-{turn}"
        folder = self.settings.home.root / "runs" / group
        folder.mkdir(parents=True)
        one = Run(
            contender=contender,
            group=group,
            topic=topic_of(contender, rows),
            rows=rows,
            settings=self.settings,
            folder=folder,
        )
        wait_for_quiet(self.patience)
        with one.started() as child:
            found = self._measure(one, child)
            (folder / "asked").touch()
            if contender in (STREAMS, FAUST):
                _until((folder / "counts").exists, RUN_SECONDS_MAX, child)
        if one.counts() != self.expected[rows]:
            raise ValueError(f"{group} counted wrongly, see {folder}")
        one.clear()
        return found

    def _measure(self, one: Run, child: Child) -> Figure:
        broker = self.broker.child.pid
        _until((one.folder / "first").exists, START_SECONDS_MAX, child)
        before = sample(child.pid, broker)
        _until(lambda: self._done(one), RUN_SECONDS_MAX, child)
        after = sample(child.pid, broker)
        first = float((one.folder / "first").read_text("ascii"))
        return figure(one.contender, one.rows, after.at - first, before, after)

    def _done(self, one: Run) -> bool:
        if one.contender == KERWEN:
            return (one.folder / "done").exists()
        time.sleep(0.1)
        committed = self.client.list_group_offsets(one.group)[one.group]
        mine = [
            at.offset for place, at in committed.items() if place.topic == one.topic
        ]
        return sum(mine) == one.rows


def _until(met: Callable[[], bool], seconds: float, child: Child) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        if child.code is not None:
            raise ChildProcessError("\n".join(child.tail(30)))
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join(child.tail(30)))
        time.sleep(0.005)


def topic_of(contender: str, rows: int) -> str:
    """Kerwen reads batches, the others events."""
    return f"w1.{'batches' if contender == KERWEN else 'events'}.{rows}"


def fill(settings: Settings, sizes: Mapping[str, int]) -> dict[int, dict[str, object]]:
    """Make and fill all topics; what has to be counted, by number of records."""
    names = {topic_of(contender, rows) for contender, rows in sizes.items()}
    shape = {"num_partitions": PARTITIONS, "replication_factor": -1}
    with kafka.admin(settings) as client:
        client.create_topics(
            dict.fromkeys(names, shape) | {"w1.cells": {**shape, "num_partitions": 1}},
            wait_for_metadata=True,
        )
        client.create_acls(_permissions())
    rows = records(max(sizes.values()))
    _fill_batches(settings, rows.head(sizes.get(KERWEN, 0)))
    file = settings.home.root / "rows.avro"
    file.write_bytes(avro.container(rows, SCHEMA, codec="null"))
    for name in sorted(name for name in names if name.startswith("w1.events.")):
        pki_folder, count = settings.home.pki, name.rpartition(".")[2]
        what = [settings.brokers(), pki_folder, file, name, count]
        feeder = [PEERS / "bin/python", HERE / "feed.py"]
        subprocess.run(list(map(str, [*feeder, *what])), check=True)
    file.unlink()
    return {size: expected(rows.head(size)) for size in sizes.values()}


def _fill_batches(settings: Settings, rows: pl.DataFrame) -> None:
    topic = topic_of(KERWEN, rows.height)
    first = Genesis(
        log=uuid.uuid4().bytes,
        topic=topic,
        partition=0,
        partitions=PARTITIONS,
        catalogue=bytes(32),
        generation=1,
        created_ms=0,
        key_id="none",
    )
    values = [
        (number, encode(replace(first, partition=number)))
        for number in range(PARTITIONS)
    ]
    for number, batch in enumerate(rows.iter_slices(ROWS)):
        value = seal(avro.container(batch, SCHEMA))
        values.append((number % PARTITIONS, value))
    with kafka.producer(settings, "admin") as client:
        kafka.send_all(
            client,
            (
                Send(topic=topic, partition=number, key=None, value=value)
                for number, value in values
                if rows.height
            ),
        )


def _permissions() -> list[ACL]:
    """Everything on our own topics and groups, nothing else, for every principal."""
    principals = ["w1", *(f"w1-{KERWEN}-{turn}" for turn in range(TURNS_MAX))]
    return [
        ACL(
            principal=f"User:{principal}",
            host="*",
            operation=ACLOperation.ALL,
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(
                kind, prefix, ACLResourcePatternType.PREFIXED
            ),
        )
        for principal in principals
        for kind, prefix in (
            (ResourceType.TOPIC, "w1"),
            (ResourceType.TOPIC, "changelog__w1"),  # Quix Streams
            (ResourceType.GROUP, "w1"),
        )
    ]


def show(figures: Sequence[Figure]) -> None:
    """Print medians and ratios."""
    by_name: dict[str, list[Figure]] = {}
    for one in figures:
        by_name.setdefault(one.contender, []).append(one)
    rates = {name: median(one.rate for one in ours) for name, ours in by_name.items()}
    cores = {
        name: median(one.core_rate for one in ours) for name, ours in by_name.items()
    }
    print()
    print("| contender | records | records/s | Kerwen is | records/CPU s | Kerwen is |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, ours in by_name.items():
        faster, cheaper = (
            f"{of[KERWEN] / of[name]:.1f} ×" if KERWEN in of else ""
            for of in (rates, cores)
        )
        print(
            f"| {TITLES[name]} | {ours[0].rows:,} | {rates[name]:,.0f} | {faster} "
            f"| {cores[name]:,.0f} | {cheaper} |"
        )


def main() -> None:
    """Fill, run in turns, print."""
    given = _arguments()
    sizes = {name: given.records[name] for name in given.only}
    if STREAMS in sizes:
        compile_streams()
    with tempfile.TemporaryDirectory(prefix="w1-", dir=given.folder) as folder:
        home = Home(root=Path(folder))
        broker = Kafka(home)
        broker.start()
        try:
            turns = [f"w1-{KERWEN}-{turn}" for turn in range(given.rounds)]
            pki.issue(home, ("w1", *turns))
            settings = Settings(
                home=home, bootstrap=broker.bootstrap, log_level="WARNING"
            )
            began = time.monotonic()
            counts = fill(settings, sizes)
            print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
            with kafka.admin(settings) as client:
                bench = Bench(
                    settings=settings,
                    broker=broker,
                    client=client,
                    expected=counts,
                    patience=given.patience,
                )
                show(list(_rounds(bench, sizes, given.rounds)))
        finally:
            broker.stop()


def _rounds(bench: Bench, sizes: Mapping[str, int], rounds: int) -> Iterator[Figure]:
    for turn in range(rounds):
        for contender, rows in sizes.items():
            found = bench.run(contender, rows, turn)
            print(
                f"{turn + 1} {contender:8} {found.rate:>9,.0f}/s "
                f"({found.seconds:.1f} s), {found.core_rate:>9,.0f} a CPU s; "
                f"broker {found.broker:.1f} CPU s; "
                f"others {found.others:.0%}; load {found.load:.1f}",
                flush=True,
            )
            yield found


def _arguments() -> argparse.Namespace:
    sizes = {KERWEN: 1_000_000, STREAMS: 1_000_000, QUIX: 200_000, FAUST: 60_000}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, TURNS_MAX))
    parser.add_argument(
        "--only", nargs="+", default=list(sizes), choices=list(sizes), metavar="NAME"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=60,
        help="seconds to wait for a quiet machine before each run",
    )
    parser.add_argument("--folder", help="where to work; default: the temporary folder")
    for name, rows in sizes.items():
        parser.add_argument(
            f"--{name}", type=int, default=rows, help=f"records, default {rows:,}"
        )
    given = parser.parse_args()
    given.records = {name: getattr(given, name) for name in sizes}
    return given


if __name__ == "__main__":
    main()
