"""What a hub consists of: which processes, how many, on which ports.

A plan travels to the detached supervisor as JSON in one environment variable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hub.core.access import STAGES
from hub.core.errors import UsageError
from hub.embedded.kafka import HEAP_MB

WORKERS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A process beside the agents, e.g. the gateway.

    Attributes:
        name: For status, logs and the file of addresses.
        command: Arguments for Python; ``{port}`` stands for the port it gets.
        port: Where it must listen; 0: a free one.
        ready: Path that answers 200 when it is ready; empty: it listens, that is all.
    """

    name: str
    command: tuple[str, ...]
    port: int = 0
    ready: str = "/readyz"


GATEWAY = Service(name="gateway", command=("-m", "hub.gateway", "--port", "{port}"))
"""The members' gateway; it needs the packages of the extra ``gateway``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Processes of one hub.

    Attributes:
        workers: Number of processes a stage; 0 leaves a stage out.
        module: Python module of a stage's worker; ``{stage}`` is replaced.
        services: Processes started after the workers are ready.
        port: The broker's port; 0: a free one.
        quick: See :class:`hub.embedded.kafka.Kafka`.
        broker: Settings of the broker besides ours, in Kafka's words.
        ready_seconds: How long everything may take to be ready.
    """

    workers: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 1))
    module: str = "agents.{stage}"
    services: tuple[Service, ...] = ()
    port: int = 0
    heap_mb: int = HEAP_MB
    quick: bool = False
    broker: Mapping[str, str] = field(default_factory=dict)
    ready_seconds: float = 90

    def __post_init__(self) -> None:
        for stage, number in self.workers.items():
            if stage not in STAGES:
                raise UsageError(f"stage {stage}: expected one of {', '.join(STAGES)}")
            if not 0 <= number <= WORKERS_MAX:
                raise UsageError(f"{stage}: {number} workers, at most {WORKERS_MAX}")


def to_text(plan: Plan) -> str:
    """A plan as one line of JSON."""
    return json.dumps(asdict(plan))


def from_text(text: str) -> Plan:
    """The plan in a line written by :func:`to_text`."""
    content = json.loads(text)
    services = tuple(
        Service(**{**service, "command": tuple(service["command"])})
        for service in content.pop("services")
    )
    return Plan(**content, services=services)
