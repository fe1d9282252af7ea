"""The contenders of W1: how each is started, and when it is done.

Rules:

- A run has its own group, its own folder and an empty state.
- Done means durable: Kerwen's last batch is written, a peer's offsets are committed
  (Kafka Streams and Quix Streams flush their changelogs before, Faust does not wait).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from kerwen_worker import CELL, SEEN
from work import PARTITIONS, ROWS, SCHEMA

from hub.edge.settings import Settings
from hub.edge.state import Budget, open_state
from hub.embedded.children import Child
from hub.embedded.jars import jars, java, pins

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = HERE / ".venv"
KERWEN, STREAMS, QUIX, FAUST = "kerwen", "streams", "quix", "faust"
TITLES = {
    KERWEN: "Kerwen, 1,000 rows a message",
    STREAMS: "Kafka Streams, one event a message",
    QUIX: "Quix Streams, one event a message",
    FAUST: "Faust, one event a message",
}
STOP_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One contender at work on one topic.

    Attributes:
        group: Consumer group; a new one each time.
        rows: Records in the topic.
        folder: Empty; for state and for what the contender says.
    """

    contender: str
    group: str
    topic: str
    rows: int
    settings: Settings
    folder: Path
    threads: int = 2

    @property
    def _last(self) -> int:
        return self.rows // PARTITIONS // ROWS  # after the genesis record at 0

    def _command(self) -> list[str | Path]:
        if self.contender == KERWEN:
            worker = HERE / "kerwen_worker.py"
            said = [self.group, self.topic, "w1.cells", str(self._last)]
            return [ROOT / ".venv/bin/python", worker, *said]
        if self.contender == STREAMS:
            memory = ("-Xmx1g", "-XX:+UseParallelGC")
            quiet = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
            path = os.pathsep.join(map(str, [PEERS / "java", *classpath()]))
            main = ["W1", self.group, self.topic, str(self.threads)]
            return [java(), *memory, quiet, "-cp", path, *main]
        worker = HERE / f"{self.contender}_worker.py"
        return [PEERS / "bin/python", worker, self.group, self.topic]

    def _environment(self) -> dict[str, str]:
        home = self.settings.home
        return {
            "HOME": os.environ["HOME"],
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}",
            "W1_FOLDER": str(self.folder),
            "W1_BOOTSTRAP": self.settings.brokers(),
            "W1_PKI": str(home.pki),
            "W1_SCHEMA": SCHEMA,
            **self.settings.environment(),
        }

    @contextmanager
    def started(self) -> Iterator[Child]:
        """The process; it has ended afterwards, whatever happened."""
        log = self.settings.home.logs / f"{self.group}.log"
        child = Child(
            self.group, self._command(), log=log, environment=self._environment()
        )
        try:
            yield child
        finally:
            child.stop(STOP_SECONDS)

    def counts(self) -> dict[str, object]:
        """What the contender counted; it has ended."""
        if self.contender == KERWEN:
            return self._kerwen_counts()
        return dict(json.loads((self.folder / "counts").read_text("utf-8")))

    def _kerwen_counts(self) -> dict[str, object]:
        budget = Budget.of()
        unique, cells = 0, Counter[str]()
        for folder in sorted((self.settings.home.state / self.group).glob("w1.*")):
            state = open_state(folder, budget)
            if state is None:
                raise FileNotFoundError(folder)
            unique += sum(1 for _ in state.scan(SEEN))
            for key, value in state.scan(CELL):
                cells[key[len(CELL) :].decode()] += int.from_bytes(value)
            state.close()
        return {"unique": unique, "cells": dict(cells)}

    def clear(self) -> None:
        """Remove the state."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.settings.home.state / self.group, ignore_errors=True)


def classpath() -> list[Path]:
    """Kafka's own jars and those of Streams, each checked by its digest."""
    settings = import_module("jgo.config").GlobalSettings.load()
    central = import_module("jgo.constants").MAVEN_CENTRAL_URL
    maven = import_module("jgo.maven").MavenContext(
        repo_cache=settings.repo_cache,
        remote_repos={"central": central, **settings.repositories},
    )
    found = list(jars().classpath)
    for pin in pins((HERE / "jars.lock").read_text("utf-8")):
        project = maven.project(pin.group, pin.artifact)
        path = Path(project.at_version(pin.version).artifact().resolve())
        if hashlib.sha256(path.read_bytes()).hexdigest() != pin.digest:
            raise ValueError(f"{path} is not the pinned jar")
        found.append(path)
    return found


def compile_streams() -> None:
    """Compile the Java contender."""
    path = os.pathsep.join(map(str, classpath()))
    source = HERE / "W1.java"
    command = ["javac", "--release", "17", "-cp", path, "-d", PEERS / "java", source]
    subprocess.run(command, check=True)
