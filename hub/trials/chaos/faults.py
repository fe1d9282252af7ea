"""The faults: what is done to a running hub, each from its start to its end.

Rules:

- A fault is real: signals to real processes, a real disk that is full or hangs, files
  that are gone. Nothing in agents or broker knows that it is a trial.
- A function returns when its fault is over; what it broke has then to mend by itself.
- Which process and how long is decided by the dice that are handed in.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hub.core.access import STAGES
from hub.edge.processes import is_alive
from hub.edge.state import folder_name
from hub.embedded.keeping import Kept
from hub.trials.chaos.scene import Scene

SESSION_SECONDS = 6.0
"""How soon the group takes a silent worker for dead (agents.frame)."""

DEATH_SECONDS_MAX = 15.0
ALL_STATES = 0.4
"""How often a worker that loses a state loses all of them."""

SHARED = ("intake", "dedupe", "aggregate")
"""Stages with more than one worker."""

Dice = random.Random
Fault = Callable[[Scene, Dice], str]
"""Does it and says to whom."""


def kill(stage: str) -> Fault:
    """The fault: kill −9 of a worker of `stage`."""

    def fault(scene: Scene, dice: Dice) -> str:
        worker = scene.worker(dice, stage)
        _send(worker, signal.SIGKILL)
        return worker.name

    return fault


def pause(scene: Scene, dice: Dice) -> str:
    """A worker is stopped for longer than its session, and goes on as if nothing was.

    Meanwhile the group has given its partitions away: it wakes up as a zombie.
    """
    worker = scene.worker(dice, dice.choice(STAGES))
    with _stopped(worker.pid):
        time.sleep(SESSION_SECONDS + dice.uniform(0.5, 2.0))
    return worker.name


def term(scene: Scene, dice: Dice) -> str:
    """A worker is asked to stop, and leaves cleanly."""
    worker = scene.worker(dice, dice.choice(STAGES))
    _send(worker, signal.SIGTERM)
    return worker.name


def join_leave(scene: Scene, dice: Dice) -> str:
    """A worker more joins a group and leaves it, politely or not."""
    stage = dice.choice(SHARED)
    with scene.another(stage) as guest:
        scene.until(lambda: bool(scene.partitions(guest.name)), 10)
        time.sleep(dice.uniform(0.0, 1.0))
        guest.signal(dice.choice((signal.SIGTERM, signal.SIGKILL)))
        scene.until(lambda: guest.code is not None, DEATH_SECONDS_MAX)
    return stage


def broker_kill(scene: Scene, dice: Dice) -> str:
    """The broker is killed; the supervisor starts it again."""
    del dice
    pid = scene.broker
    os.kill(pid, signal.SIGKILL)
    scene.until(lambda: not is_alive(pid), DEATH_SECONDS_MAX)
    return "kafka"


def broker_pause(scene: Scene, dice: Dice) -> str:
    """The broker hangs for a while, shorter or longer than the sessions of workers."""
    with _stopped(scene.broker):
        time.sleep(dice.uniform(2.0, SESSION_SECONDS + 2))
    return "kafka"


def state_lost(scene: Scene, dice: Dice) -> str:
    """A worker is killed and the state of one of its partitions is deleted, or all."""
    stage, whole = dice.choice(STAGES), dice.random() < ALL_STATES
    worker = scene.worker(dice, stage, holding=True)
    held = scene.partitions(worker.name)
    pid = worker.pid
    _send(worker, signal.SIGKILL)
    scene.until(lambda: pid is None or not is_alive(pid), DEATH_SECONDS_MAX)
    dice.shuffle(held)
    most = len(held) if whole else 1
    folders = [scene.state / worker.stage / folder_name(*place) for place in held]
    gone = [one for one in folders if one.exists() and not _is_held(one)][:most]
    for folder in gone:
        shutil.rmtree(folder)
    return f"{worker.name}, {len(gone)} of {len(held)} partitions"


def disk_full(scene: Scene, dice: Dice) -> str:
    """No room for any state, and a worker is killed that has to open its own."""
    worker = scene.worker(dice, dice.choice(STAGES))
    with scene.volume.full(scene.pids()):
        _send(worker, signal.SIGKILL)
        time.sleep(dice.uniform(2.0, 5.0))
    return worker.name


def disk_slow(scene: Scene, dice: Dice) -> str:
    """The disk of the states stutters, or stalls for longer than a session."""
    if dice.random() < 0.75:
        scene.volume.slow(dice.uniform(0.2, 0.8), dice.randint(3, 6))
        return "stutter"
    scene.volume.slow(SESSION_SECONDS + 1, 1)
    return "stall"


SINGLE: Mapping[str, Fault] = {
    **{f"kill_{stage}": kill(stage) for stage in STAGES},
    "pause": pause,
    "term": term,
    "join_leave": join_leave,
    "broker_kill": broker_kill,
    "broker_pause": broker_pause,
    "state_lost": state_lost,
    "disk_full": disk_full,
    "disk_slow": disk_slow,
}
_WORKERS = (*(f"kill_{stage}" for stage in STAGES), "pause", "term", "state_lost")
_AROUND = ("broker_kill", "broker_pause", "join_leave", "disk_full", "disk_slow")


def two(scene: Scene, dice: Dice) -> str:
    """A worker and something around it fail at once."""
    names = (dice.choice(_WORKERS), dice.choice(_AROUND))
    seeds = [random.Random(dice.random()) for _ in names]  # noqa: S311 - no secret
    with ThreadPoolExecutor(len(names)) as pool:
        hits = pool.map(lambda name, own: SINGLE[name](scene, own), names, seeds)
        return " + ".join(
            f"{name} {hit}" for name, hit in zip(names, hits, strict=True)
        )


KINDS: Mapping[str, Fault] = {**SINGLE, "two": two}


@dataclass(slots=True)
class Deck:
    """Kinds in an order that comes from the dice, each as often as any other."""

    dice: Dice
    kinds: tuple[str, ...] = tuple(KINDS)
    _left: list[str] | None = None

    def deal(self) -> str:
        """The next kind."""
        if not self._left:
            self._left = list(self.kinds)
            self.dice.shuffle(self._left)
        return self._left.pop()


class _stopped:  # noqa: N801 - reads as a word where it is used
    """A process stands still inside the context."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid

    def __enter__(self) -> None:
        self._signal(signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)


def _send(worker: Kept, number: int) -> None:
    pid = worker.pid
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _is_held(folder: Path) -> bool:
    """Whether a living process has the state in `folder` open."""
    try:
        with (folder / "LOCK").open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
