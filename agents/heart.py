"""The heart of a worker: metrics, probes, the run file, hints, and signs of life.

Rules (design: delivery, rule 12; the command):

- Once a second: metrics of lag, the file ``run/<worker>.json``, offsets as hints.
- A partition that has messages, a broker that answers, and no progress ends the
  process; so does a loop that does not come round (the watchdog is a thread).
- Now and then, a checkpoint of every state that moved.
- Nothing here decides anything about data.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from faust.types import TP

from agents import group
from agents.condition import Condition
from agents.deadlines import Watchdog
from agents.frame import ANSWER_SECONDS, WorkerError
from agents.limits import Patience
from agents.mending import Mender
from agents.meter import Meter, Rebuild
from agents.partition import Partition
from agents.runtime import Runtime
from hub.core.errors import BundleError, FencedError, LogError, RetriableError
from hub.core.standing import Stands
from hub.edge.household import FREE_BYTES_MIN, SKEW_SECONDS_MAX
from hub.edge.metrics import Server
from hub.edge.settings import COPIES, RESUME

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
ENDS_SECONDS = 3.0
"""How often the ends of the logs are asked for; also shows that the broker answers."""

SHOWN = tuple(one for one in Condition if one is not Condition.GONE)


class Heart:
    """Beats once a second in the loop of the app."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        worker: str,
        run_folder: Path,
        states: Path,
        address: tuple[str, int],
        patience: Patience,
        inputs: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._runtime = runtime
        self._mender = Mender(runtime, run_folder / RESUME, inputs)
        self._meter = Meter()
        self._requests = run_folder / COPIES
        self._copies_asked = time.time()
        self._rebuilds: dict[Partition, Rebuild] = {}
        self._worker = worker
        self._file = run_folder / f"{worker}.json"
        self._states = states  # in a container it is a volume, `run` is memory
        self._patience = patience
        self._watchdog = Watchdog(patience.loop_seconds)
        self._started_ms = round(time.time() * 1000)
        self._answered = self._unreached = 0.0
        host, port = address
        self._server = Server(
            runtime.metrics, live=self.live, ready=self.ready, host=host, port=port
        )

    async def beat(self) -> None:
        """Beat until the app stops."""
        self._watchdog.start()
        ends = hints = copies = mends = reach = asyncio.create_task(asyncio.sleep(0))
        asked, copied = 0.0, time.monotonic()
        while not self._runtime.app.should_stop:
            self._watchdog.beat()
            if self._asked_for_copies():
                copied = 0.0
            now = time.monotonic()
            if ends.done() and now - asked >= ENDS_SECONDS:
                asked = now
                ends = asyncio.create_task(self._ends())
            if hints.done():
                told = group.tell(self._runtime.app, self._runtime.partitions.values())
                hints = asyncio.create_task(told)
            if (
                copies.done()
                and now - copied >= self._runtime.limits.checkpoint_seconds
            ):
                copied = now
                copies = asyncio.create_task(self._copy())
            if reach.done() and self._runtime.app.called_back:
                reach = asyncio.create_task(self._reach())
            if mends.done():
                mends = asyncio.create_task(self._mender.look())
            self._measure()
            self._write()
            await self._stalled(now)
            await asyncio.sleep(BEAT_SECONDS)

    def live(self) -> dict[str, object]:
        """Whether the loop comes round."""
        age = self._watchdog.age
        return {"ok": age < self._patience.loop_seconds, "beat_age_seconds": age}

    def ready(self) -> dict[str, object]:
        """Whether every partition given to this worker is at work, and may go on.

        A worker that has no keys ends, so it never answers.
        """
        found = list(self._runtime.partitions.values())
        waiting = [one.name for one in found if one.condition is Condition.OPENING]
        stopped = [one.name for one in found if one.condition is Condition.STOPPED]
        bundle = [one.name for one in found if one.condition is Condition.WAITING]
        called = self._runtime.app.called_back
        free = shutil.disk_usage(self._states).free
        behind = self._behind(found)
        sound = free >= FREE_BYTES_MIN and behind < SKEW_SECONDS_MAX
        return {
            "ok": called and sound and not waiting and not stopped and not bundle,
            "assigned": called,
            "opening": waiting,
            "stopped": stopped,
            "waiting": bundle,
            "rebuilding": [one.name for one in found if one.rebuild],
            "disk_free_bytes": free,
            "clock_behind_seconds": round(behind, 3),
        }

    async def _ends(self) -> None:
        """Ask for the ends of all logs; an answer is a sign of life of the broker.

        A log that ends before what was read of it stops its partition.
        """
        partitions = self._runtime.partitions
        asked = {tp: (one, one.following) for tp, one in partitions.items()}
        consumer = self._runtime.app.consumer
        try:
            ends = await consumer.highwaters(*partitions)
        except Exception:  # noqa: BLE001 - whatever it is, the broker did not answer
            return
        self._answered = time.monotonic()
        for tp, end in ends.items():
            one, following = asked[tp]
            if partitions.get(tp) is not one:
                continue
            try:
                one.ended(end, following)
            except LogError as error:
                self._runtime.stop(one, error)

    async def _reach(self) -> None:
        """Note whether the loop that fetches comes round."""
        try:
            await group.reach(self._runtime.app)
        except TimeoutError:
            self._unreached += ANSWER_SECONDS
        else:
            self._unreached = 0.0

    def _asked_for_copies(self) -> bool:
        """Whether a person has asked for checkpoints since the last look."""
        try:
            asked = self._requests.stat().st_mtime
        except OSError:
            return False
        new, self._copies_asked = asked > self._copies_asked, asked
        return new

    async def _starts(self) -> Mapping[TP, int]:
        """Where the logs begin; nothing if the broker does not say."""
        asked = self._runtime.app.consumer.earliest_offsets(*self._runtime.partitions)
        try:
            return dict(await asked)
        except Exception:  # noqa: BLE001 - as above; nothing is thrown away then
            return {}

    async def _copy(self) -> None:
        """Take a checkpoint of every state that moved, one after the other."""
        runtime = self._runtime
        floors = await self._starts()
        for one in list(runtime.partitions.values()):
            floor = floors.get(one.tp, 0)
            if one.folded <= one.kept:
                # Nothing comes, and still what the log has kept grows shorter.
                await runtime.custody.prune(one, floor)
                continue
            began, folded = time.monotonic(), one.folded
            try:
                await runtime.custody.checkpoint(one, floor)
            except FencedError:
                continue
            except (OSError, RetriableError) as error:
                logger.warning("%s: no checkpoint: %s", one.name, error)
                runtime.metrics.count("checkpoints_total", outcome="failed")
                continue
            one.kept = folded
            runtime.metrics.count("checkpoints_total", outcome="kept")
            runtime.metrics.gauge("checkpoint_newest_seconds", time.time())
            runtime.metrics.time("checkpoint_seconds", time.monotonic() - began)

    def _measure(self) -> None:
        found = list(self._runtime.partitions.values())
        metrics, gauge = self._runtime.metrics, self._runtime.metrics.gauge
        gauge("lag_messages", sum(one.lag for one in found))
        gauge("lag_seconds", max(map(_age, found), default=0.0))
        gauge("ready", bool(self.ready()["ok"]))
        gauge("clock_behind_seconds", self._behind(found))
        before, self._rebuilds = self._meter.started, self._meter.read(found)
        rebuilds = self._rebuilds.values()
        metrics.count("rebuilds_total", self._meter.started - before)
        gauge("rebuild_messages", sum(one.rebuild for one in found))
        gauge("rebuild_rows_per_second", sum(one.rows_per_second for one in rebuilds))
        gauge("rebuild_seconds", max((one.seconds for one in rebuilds), default=0.0))
        conditions = Counter(one.condition for one in found)
        for condition in SHOWN:
            gauge("partitions", conditions[condition], outcome=condition)
        gauge("partition_stopped", conditions[Condition.STOPPED])
        sizes: Counter[str] = Counter()
        for one in found:
            if one.flowing:
                try:
                    sizes.update(one.state.measure())
                except FencedError:
                    continue
        lags = self._runtime.account.lags(_age)
        metrics.present([*self._runtime.account.samples(), *lags])
        gauge("state_bytes", sizes["disk_bytes"])
        gauge("state_keys", sizes["keys"])

    def _behind(self, found: Sequence[Partition]) -> float:
        """How far the newest stamp of the broker is ahead of this machine's clock."""
        newest = max((one.stamped_ms for one in found), default=0)
        return max(0.0, newest / 1000 - time.time())

    def _write(self) -> None:
        found = sorted(self._runtime.partitions.values(), key=lambda one: one.tp)
        status = {
            "worker": self._worker,
            "stage": self._runtime.stage.name,
            "pid": os.getpid(),
            "metrics_port": self._server.port,
            "started_ms": self._started_ms,
            "updated_ms": round(time.time() * 1000),
            "ready": self.ready()["ok"],
            "partitions": [self._status(one) for one in found],
            "account": self._runtime.metrics.account(),
        }
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(status), "utf-8")
        draft.rename(self._file)

    def _status(self, one: Partition) -> dict[str, object]:
        found: dict[str, object] = {
            "topic": one.tp.topic,
            "partition": one.tp.partition,
            "condition": one.condition,
            "position": one.folded,
            "end": one.end,
            "lag": one.lag,
            "rebuild": one.rebuild,
            "gaps": list(one.gaps),
            "error": one.error,
            "poison": one.poison,
            "wants": one.wants.hex(),
            "log": one.source.log.hex() if one.source else "",
            "bundle": "",
            "cuts": [],
        }
        rebuild = self._rebuilds.get(one)
        if rebuild is not None:
            found["rebuilding"] = asdict(rebuild)
        stage = self._runtime.stage
        if one.source is not None and isinstance(stage, Stands):
            with suppress(FencedError, BundleError):
                stands = stage.standing(one.tp.topic, one.state)
                found["bundle"] = stands.bundle.hex()
                found["cuts"] = [asdict(cut) for cut in stands.cuts]
        return found

    async def _stalled(self, now: float) -> None:
        if not group.belongs(self._runtime.app):
            await self._runtime.app.die(WorkerError("the group has lost this worker"))
        if self._unreached >= self._patience.loop_seconds:
            await self._runtime.app.die(WorkerError("the loop that fetches hangs"))
        if now - self._answered > 2 * (ENDS_SECONDS + ANSWER_SECONDS):
            return
        found = list(self._runtime.partitions.values())
        # Steps run one at a time, so a long one holds up every partition.
        stepping = any(one.stepping for one in found)
        patience = self._patience
        limit = patience.step_seconds if stepping else patience.stall_seconds
        for one in found:
            if not one.flowing or not one.lag:
                one.progress = now
            elif now - one.progress > limit:
                text = f"{one.name}: no progress for {limit:.0f} s"
                await self._runtime.app.die(WorkerError(text))


def _age(one: Partition) -> float:
    """Seconds since the oldest waiting message was appended, as far as known."""
    if one.pending_since_ms:
        return max(0.0, time.time() - one.pending_since_ms / 1000)
    return time.monotonic() - one.progress if one.lag else 0.0
