"""The supervisor: broker, topics, agents, in this order, and nothing left behind.

Rules (design: delivery, rule 12; embedded default; the command):

- Start: certificates and keys, broker, topics with their genesis, agents, services.
  An agent that finds no broker ends, so nothing starts before what it needs.
- What ends is started again; what does not get ready in time ends the start, with one
  sentence that says who and why.
- One thread, the keeper, starts every process: Linux ends a child when the thread that
  started it does, so the keeper lives as long as the hub.
- A lock in ``run/`` makes it one hub a home; ``run/hub.json`` says what runs where.
- Stop: services, agents, broker; each asked first, each taken at its deadline.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from types import TracebackType
from typing import Self

from hub.core import access
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError, MachineError
from hub.edge import enacting, keylocks, keymaking, keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded import pki, ports, report
from hub.embedded.kafka import Kafka
from hub.embedded.keeping import Backoff, Kept
from hub.embedded.plan import Plan

TICK_SECONDS = 0.1
STOP_SECONDS_MAX = 20
_PORT_TRIES = 3
_SHARED = {"POLARS_MAX_THREADS": "1"}
"""All agents share this machine: more threads in each cost more than they bring
(measured on two cores: 10 % more CPU for the same rows)."""
_DEATHS_MAX = 3
_log = logging.getLogger(__name__)


class Supervisor:
    """One hub on this machine, in this process.

    Use it as a context: the hub is ready inside, and gone after.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan | None = None,
        *,
        catalogue: Catalogue | None = None,
        token: str = "",
    ) -> None:
        self.home = settings.home
        self.plan = plan or Plan()
        self.kept: list[Kept] = []
        self._given = settings
        self._catalogue = catalogue
        self._report = report.Report(self.home, token)
        self._broker: Kafka | None = None
        self._broker_backoff = Backoff()
        self._broker_due = 0.0
        self._broker_restarts = 0
        self._broker_restarting = False
        self._error: HubError | None = None
        self._settled = threading.Event()
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    @property
    def broker(self) -> Kafka:
        """The hub's broker."""
        if self._broker is None:
            raise MachineError("the hub was not started")
        return self._broker

    @property
    def settings(self) -> Settings:
        """Settings of a client of this hub."""
        return Settings(
            home=self.home,
            catalogue=self._given.catalogue,
            bootstrap=self.broker.bootstrap,
            log_level=self._given.log_level,
            checkpoint_seconds=self._given.checkpoint_seconds,
            checkpoints=self._given.checkpoints,
        )

    def start(self) -> None:
        """Start the hub and return when everything is ready.

        Raises:
            HubError: something is missing or did not get ready; nothing is left.
        """
        self._keeper.start()
        try:
            self._settled.wait()
        except BaseException:  # interrupted from the keyboard: leave nothing behind
            self.stop()
            raise
        if self._error is not None:
            self._keeper.join()
            raise self._error

    def ask_to_stop(self) -> None:
        """Begin to stop; :meth:`join` returns when it is done."""
        self._stop.set()

    def stop(self) -> None:
        """Stop everything; returns when it is gone."""
        self._stop.set()
        if self._keeper.ident is not None:
            self._keeper.join()

    def join(self) -> None:
        """Wait until the hub is stopped, by :meth:`stop` or by its own failure."""
        while self._keeper.is_alive():
            self._keeper.join(1)  # bounded, so that signals are handled meanwhile

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _keep(self) -> None:
        """The life of the hub; runs in the keeper thread."""
        try:
            self.home.make()
            with report.alone(self.home):
                try:
                    self._begin()
                    self._settled.set()
                    self._watch()
                finally:
                    self._end()
        except HubError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - said to the caller of start()
            _log.exception("the supervisor failed")
            what = f"{type(error).__name__}: {error}"
            self._fail(MachineError(f"the supervisor failed, {what}"))
        finally:
            self._settled.set()

    def _fail(self, error: HubError) -> None:
        self._error = error
        self._report.failed(str(error))

    def _begin(self) -> None:
        self._say("starting")
        catalogue = self._catalogue or read_catalogue(self._given.catalogue)
        equip(self.home, catalogue)
        self._start_broker()
        self._say("starting")
        self._prepare_topics()
        self._start_workers()
        self._wait_ready()
        self._start_services()
        self._wait_ready()
        self._say("ready")
        _log.info("the hub is ready, brokers at %s", self.broker.bootstrap)

    def _start_broker(self) -> None:
        for attempt in range(_PORT_TRIES):
            self._broker = Kafka(
                self.home,
                port=self.plan.port,
                heap_mb=self.plan.heap_mb,
                quick=self.plan.quick,
                more=self.plan.broker,
            )
            try:
                self._broker.start(stopped=self._stop)
            except MachineError as error:
                # Another hub may have taken the port between our look and the start.
                taken = "in use" in str(error) and self.plan.port == 0
                if not taken or attempt == _PORT_TRIES - 1:
                    raise
            else:
                return

    def _prepare_topics(self) -> None:
        done = enacting.enact(self.settings, now_ms=_now_ms())
        _log.info(
            "bundle %d is in force; %d topics made, %d records begun",
            done.plan.bundle.number,
            len(done.changes.topics),
            done.changes.begun,
        )

    def _start_workers(self) -> None:
        for stage, number in self.plan.workers.items():
            for index in range(number):
                module = self.plan.module.format(stage=stage)
                self._start(f"{stage}-{index}", stage, ("-m", module))

    def _start_services(self) -> None:
        for service in self.plan.services:
            self._start(service.name, "", service.command, service.port, service.ready)

    def _start(
        self,
        name: str,
        stage: str,
        command: tuple[str, ...],
        port: int = 0,
        ready: str = "/readyz",
    ) -> None:
        settings = self.settings.environment()
        kept = Kept(
            name=name,
            stage=stage,
            command=command,
            environment={**_SHARED, **os.environ, **settings, "KERWEN_WORKER": name},
            log=self.home.logs / f"{name}.log",
            port=ports.claim(port, name),
            fixed=port != 0,
            ready=ready,
        )
        kept.start()
        self.kept.append(kept)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + self.plan.ready_seconds
        waiting = list(self.kept)
        while waiting:
            self._tick()
            waiting = [kept for kept in waiting if not kept.is_ready()]
            for kept in waiting:
                late = time.monotonic() > deadline
                if late or kept.restarts >= _DEATHS_MAX or self._stop.is_set():
                    raise MachineError(_unready(kept, stopped=self._stop.is_set()))
            self._stop.wait(TICK_SECONDS)

    def _watch(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            if self._tick():
                self._say("ready" if self._is_whole() else "restarting")

    def _is_whole(self) -> bool:
        broker = self.broker.pid is not None and not self._broker_restarting
        return broker and all(kept.pid is not None for kept in self.kept)

    def _tick(self) -> bool:
        now = time.monotonic()
        changed = [kept.tick(now) for kept in self.kept]
        return self._tick_broker(now) or any(changed)

    def _tick_broker(self, now: float) -> bool:
        """Start the broker again, on the same ports, where it ended."""
        child = self.broker.child
        if child.code is None:
            if self._broker_restarting and self.broker.answers(TICK_SECONDS):
                self._broker_restarting = False
                return True
            return False
        if self._broker_due == 0.0:
            self._broker_due = now + self._broker_backoff.after(child.age_seconds)
            _log.warning("the broker ended with code %s", child.code)
            return True
        if now < self._broker_due:
            return False
        self._broker_due = 0.0
        self._broker_restarting = True
        self._broker_restarts += 1
        self.broker.start(wait=False)
        return True

    def _end(self) -> None:
        """Stop in the order services, agents, broker."""
        self._say("stopping")
        services = [kept for kept in self.kept if not kept.stage]
        agents = [kept for kept in self.kept if kept.stage]
        for group in (services, agents):
            _stop_together(group)
        if self._broker is not None:
            self._broker.stop()
        self._report.remove()

    def _say(self, state: str) -> None:
        self._report.write(
            state, self._broker, self.kept, broker_restarts=self._broker_restarts
        )


def equip(home: Home, catalogue: Catalogue) -> None:
    """Make the certificates and keys that a home lacks."""
    # Who made its own keys keeps them: no other speaks with its name.
    theirs = keymaking.held_elsewhere(home.root)
    ours = [one for one in access.principals(catalogue) if one not in theirs]
    pki.issue(home, ours)
    new = not (home.keys / "registry.json").exists()
    keyring.create(home.root, catalogue, now_ms=_now_ms())
    if new:
        keylocks.develop(home.root, _now_ms())


def _stop_together(group: list[Kept]) -> None:
    deadline = time.monotonic() + STOP_SECONDS_MAX
    threads = [threading.Thread(target=one.stop, args=(deadline,)) for one in group]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _unready(kept: Kept, *, stopped: bool) -> str:
    if stopped:
        return "the start was stopped"
    how = f"ended with code {kept.exit_code}" if kept.restarts else "does not get ready"
    return f"{kept.name} {how}: {kept.last_words()} (all of it in {kept.log})"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
