"""One worker process: a stage under Faust, from settings to exit code.

Rules (design: delivery; the command):

- One app, one stage, one process; its principal, group and folder bear its name.
- Exit codes: 0 asked to stop, 1 crashed, 69 never called back, 70 hung, 75 a stop that
  took too long; the supervisor starts it again with back-off.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from agents.frame import HubApp, HubWorker, WorkerError, make_app
from agents.heart import Heart, Patience
from agents.runtime import Limits, Runtime
from hub.core.stage import Stage
from hub.edge import kafka, logs
from hub.edge.metrics import Metrics
from hub.edge.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a stage is run.

    Attributes:
        inputs: Topics to read, all partitions of them.
    """

    inputs: Sequence[str]
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)


def run(stage: Stage, settings: Settings, plan: Plan) -> NoReturn:
    """Run `stage` until somebody stops it; ends the process."""
    worker = settings.worker or f"{stage.name}-{os.getpid()}"
    logs.set_up(
        level=settings.log_level, fields={"stage": stage.name, "worker": worker}
    )
    home = settings.home
    folder = home.state / stage.name
    for needed in (home.run, folder / "faust"):
        needed.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = make_app(
        stage.name,
        bootstrap=settings.brokers(),
        context=kafka.context(home, stage.name),
        datadir=str(folder / "faust"),
    )
    runtime = Runtime(app, stage, folder, Metrics(stage.name), plan.limits)
    app.hooks = runtime
    heart = Heart(
        runtime,
        worker=worker,
        run_folder=home.run,
        port=settings.metrics_port,
        patience=plan.patience,
    )
    _attach(app, runtime, heart, plan.inputs)
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
