"""One worker process: a stage under Faust, from settings to exit code.

Rules (design: delivery; the command):

- One app, one stage, one process; its principal, group and folder bear its name.
- A worker with a name is a static member of its group: killed and started again it has
  its partitions back at once, and no other worker is disturbed. Two living processes of
  one name would evict each other for ever, so a lock file makes the name unique.
- Exit codes: 0 asked to stop, 1 crashed, 3 cannot start, 69 its group gave it nothing
  in time, 70 hung, 75 a stop that took too long; the supervisor starts it again with
  back-off.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

from agents import heap
from agents.account import Account, Look
from agents.custody import Custody
from agents.frame import HubApp, HubWorker, WorkerError, make_app
from agents.heart import Heart
from agents.keyed import Keyed
from agents.limits import Limits, Patience
from agents.runtime import Runtime
from hub.core.bundle import Bundle
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError, MachineError
from hub.core.stage import Stage
from hub.edge import kafka, keyring, logs
from hub.edge.bundles import Library
from hub.edge.files import read_catalogue
from hub.edge.household import Household
from hub.edge.metrics import Metrics
from hub.edge.settings import Settings, from_environment

logger = logging.getLogger(__name__)

EXIT_SETTINGS = 3
"""A key, a certificate, a folder is missing or wrong; starting again cannot help."""

_HELD: list[TextIO] = []
"""Open lock files; the kernel lets go of them with the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a stage is run.

    Attributes:
        inputs: Topics to read, all partitions of them.
        library: The bundles this worker holds.
        again: What has to be read now; None: always the same.
        quiet: Topics of which nothing is shown that could be counted.
        look: What the stage shows of its states.
    """

    inputs: Sequence[str]
    library: Library | None = None
    again: Callable[[], Sequence[str]] | None = None
    quiet: frozenset[str] = frozenset()
    look: Look | None = None
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)


def main(name: str, build: Callable[[Settings], tuple[Stage, Plan]]) -> NoReturn:
    """Read the settings, build the stage `name`, run it; ends the process.

    Args:
        name: The stage's word.
        build: Makes the stage from its own keys and says what it reads.
    """
    heap.frugal()
    try:
        settings = from_environment()
        worker = settings.worker or f"{name}-{os.getpid()}"
        fields = {"stage": name, "worker": worker}
        logs.set_up(level=settings.log_level, fields=fields)
        keyed = Keyed(settings.home, name)
        stage, plan = build(settings)
        run(stage, settings, plan, keyed)
    except HubError as error:
        logger.critical("%s cannot start: %s", name, error)
        raise SystemExit(EXIT_SETTINGS) from error


def holding(settings: Settings) -> tuple[Library, Catalogue]:
    """The bundles a worker holds, and the newest one's catalogue."""
    registry = keyring.registry(settings.home.root)
    own = Bundle(catalogue=read_catalogue(settings.catalogue), registry=registry)
    library = Library(settings.home.bundles, registry, own)
    return library, in_force(library, own.catalogue)


def in_force(library: Library, first: Catalogue) -> Catalogue:
    """The newest bundle's catalogue; `first` while none that is held is whole."""
    newest = library.newest()
    return newest.catalogue if newest else first


def run(
    stage: Stage, settings: Settings, plan: Plan, keyed: Keyed | None = None
) -> NoReturn:
    """Run `stage` until somebody stops it; ends the process.

    Args:
        stage: What it does.
        settings: Where it lives.
        plan: What it reads.
        keyed: Looks after its keys; None: they never change.
    """
    worker = settings.worker or f"{stage.name}-{os.getpid()}"
    home = settings.home
    folder = home.state / stage.name
    for needed in (home.run, folder / "faust"):
        needed.mkdir(mode=0o700, parents=True, exist_ok=True)
    _alone(home.run / f"{worker}.lock", worker)
    app = make_app(
        stage.name,
        instance=_instance(settings.worker, plan.inputs),
        bootstrap=settings.brokers(),
        context=kafka.context(home, stage.name),
        datadir=str(folder / "faust"),
    )
    limits = plan.limits
    custody = Custody(
        folder, settings.shelves / stage.name, buffer_bytes=limits.table_bytes
    )
    if settings.checkpoint_seconds:
        limits = replace(limits, checkpoint_seconds=settings.checkpoint_seconds)
    metrics = Metrics(stage.name)
    metrics.registry.register(Household(home, stage.name, own=stage.name))
    runtime = Runtime(
        app,
        stage,
        custody,
        metrics,
        limits,
        account=Account(plan.quiet, plan.look),
        library=plan.library,
    )
    app.hooks = runtime
    heart = Heart(
        runtime,
        worker=worker,
        run_folder=home.run,
        states=folder,
        address=(settings.metrics_host, settings.metrics_port),
        patience=plan.patience,
        inputs=plan.again,
    )
    _attach(app, runtime, heart, plan.inputs)
    if keyed is not None:
        keyed.tell(worker)
        app.task(keyed.watching(app))
    HubWorker(app).execute_from_commandline()
    raise SystemExit(0)


def _attach(app: HubApp, runtime: Runtime, heart: Heart, inputs: Sequence[str]) -> None:
    channel = app.topic(*inputs, key_serializer="raw", value_serializer="raw")

    async def fold(stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await runtime.take(event.message)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - Faust would lose the event
            await app.die(WorkerError(f"input: {type(error).__name__}"))

    app.agent(channel, name=f"{runtime.stage.name}.fold")(fold)
    app.task(heart.beat)


def _instance(worker: str, inputs: Sequence[str]) -> str | None:
    """Id of a static member; another subscription is another member.

    A member that comes back is given what it had, even if it asks for other topics.
    """
    if not worker:
        return None
    subscription = hashlib.sha256("\n".join(sorted(inputs)).encode()).hexdigest()
    return f"{worker}-{subscription[:8]}@{socket.gethostname()}"


def _alone(path: Path, worker: str) -> None:
    """Hold the worker's name until the process ends, however it ends."""
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise MachineError(
            f"worker {worker} runs already (or is stopped, not ended): end it first"
        ) from error
    _HELD.append(handle)
