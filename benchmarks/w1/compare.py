"""Runs W1 with every contender on one embedded broker and prints the ratios.

Rules:

- Topics are filled before anything is measured; a contender reads its backlog.
- Contenders take turns, so that a slow minute of the machine hits all of them;
  medians of the rounds are compared.
- A run whose counts are not exactly the expected ones ends the benchmark.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from contenders import (
    FAUST,
    KERWEN,
    QUIX,
    STREAMS,
    TITLES,
    Run,
    compile_streams,
)
from kafka import KafkaAdminClient, TopicPartition
from measure import Figure, figure, sample, wait_for_quiet
from topics import TURNS_MAX, fill, topic_of
from work import PARTITIONS

from hub.edge import kafka
from hub.edge.settings import Home, Settings
from hub.embedded import pki
from hub.embedded.children import Child
from hub.embedded.kafka import Kafka

RUN_SECONDS_MAX = 900
START_SECONDS_MAX = 120
FAUST_TABLES = ("seen", *(f"group-{letter}" for letter in "abcde"))


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
        if contender == FAUST:
            # Faust makes them itself and ends, or hangs, if the broker is slow to
            # tell their partitions.
            self._make(f"{group}-{table}-changelog" for table in FAUST_TABLES)
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

    def _make(self, names: Iterable[str]) -> None:
        shape = {
            "num_partitions": PARTITIONS,
            "replication_factor": 1,
            "configs": {"cleanup.policy": "compact"},
        }
        self.client.create_topics(dict.fromkeys(names, shape), wait_for_metadata=True)

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
        places = [TopicPartition(one.topic, number) for number in range(PARTITIONS)]
        offsets = [committed[place].offset for place in places if place in committed]
        return sum(map(int, offsets)) == one.rows


def _until(met: Callable[[], bool], seconds: float, child: Child) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        if child.code is not None:
            raise ChildProcessError("\n".join(child.tail(30)))
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join(child.tail(30)))
        time.sleep(0.005)


def show(figures: Sequence[Figure]) -> None:
    """Print medians (and the best), and how many times faster Kerwen is."""
    by_name: dict[str, list[Figure]] = {}
    for one in figures:
        by_name.setdefault(one.contender, []).append(one)
    print("\n| contender | records | records/s, median (best) | Kerwen is |", end="")
    print(" records/CPU s | Kerwen is |\n|---|---:|---:|---:|---:|---:|")
    own = by_name.get(KERWEN, [])
    for name, ours in by_name.items():
        rate, best = median(x.rate for x in ours), max(x.rate for x in ours)
        core_rate = median(x.core_rate for x in ours)
        faster = cheaper = ""
        if own and name != KERWEN:
            faster = f"{median(x.rate for x in own) / rate:.1f} ×"
            cheaper = f"{median(x.core_rate for x in own) / core_rate:.1f} ×"
        print(
            f"| {TITLES[name]} | {ours[0].rows:,} | {rate:,.0f} ({best:,.0f}) "
            f"| {faster} | {core_rate:,.0f} | {cheaper} |"
        )


def main() -> None:
    """Fill, run in turns, print."""
    given = _arguments()
    # Asked to stop, it still ends what it started and removes its folder.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
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
