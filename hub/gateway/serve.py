"""The gateway as a process: ``python -m hub.gateway``.

Rules (design: delivery, rule 12; the command):

- One loop serves the inner listener, on loopback without TLS, and where a port is named
  the outer one with TLS; one thread reads the topics.
- Where KERWEN_METRICS_PORT names another port than the inner listener's, metrics and
  probes are there as well, and nothing else: for a Prometheus that is not in here.
- Asked to end, it ends its streams first, then its listeners, then the reader.
- What it says of itself stands in ``run/<name>.json``, as a worker's does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Generator
from typing import Any

import uvicorn

from hub.core.errors import HubError, MachineError
from hub.edge import keyring, logs
from hub.edge.files import read_catalogue
from hub.edge.household import Household
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Settings, from_environment
from hub.gateway import gate, tls
from hub.gateway import settings as gateway_settings
from hub.gateway.app import application
from hub.gateway.doors import Doors
from hub.gateway.feed import Feed
from hub.gateway.gateway import Gateway
from hub.gateway.hooks import Hooks
from hub.gateway.lookup import Lookup
from hub.gateway.registrar import Registrar, Registry
from hub.gateway.routes.registry import entries
from hub.gateway.settings import HOST
from hub.gateway.store import Store

NAME = "gateway"
GRACE_SECONDS = 3
REPORT_SECONDS = 1.0
HEADERS_BYTES_MAX = 32 * 1024
CONNECTIONS_MAX = 2_000
_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server whose process has one handler of signals for all of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to :func:`_serve`."""
        yield


def build(settings: Settings) -> tuple[Gateway, Store]:
    """The gateway of a home, and its store.

    Raises:
        HubError: Keys or the catalogue cannot be read.
    """
    catalogue = read_catalogue(settings.catalogue)
    home = settings.home
    path = home.state / NAME / "store.sqlite"
    store = Store(path, catalogue, lambda: keyring.registry(home.root))
    wanted = gateway_settings.from_environment()
    metrics = Metrics(NAME)
    metrics.registry.register(Household(home, NAME, own=NAME))
    readers = {one.id for one in catalogue.members.values() if one.reads}
    gateway = Gateway(
        catalogue=catalogue,
        lookup=Lookup(path),
        doors=Doors(home, readers, per_second=wanted.per_second, burst=wanted.burst),
        settings=wanted,
        metrics=metrics,
    )
    return gateway, store


def main(argv: list[str] | None = None) -> int:
    """Serve until TERM or INT."""
    parser = argparse.ArgumentParser(prog="python -m hub.gateway")
    parser.add_argument("--port", type=int, required=True, help="of the inner listener")
    args = parser.parse_args(argv)
    settings = from_environment()
    logs.set_up(level=settings.log_level, fields={"process": NAME})
    logging.getLogger("kafka").setLevel(logging.WARNING)  # it tells every connection
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        gateway, store = build(settings)
        gate.log_to(settings.home.logs / "gateway-access.jsonl")
        shown = aside(settings, gateway, args.port)
        feed = Feed(settings, gateway, store)
        feed.start()
        if gateway.settings.registry:
            ours = entries(gateway.catalogue).values()
            Registrar(Registry(gateway.settings.registry), ours).start()
        asyncio.run(_serve(settings, gateway, feed, args.port))
    except HubError as error:
        _log.error("the gateway cannot serve: %s", error)
        return 3
    feed.end()
    if shown is not None:
        shown.close()
    store.close()
    return 0


def aside(settings: Settings, gateway: Gateway, inner: int) -> Server | None:
    """Metrics and probes where Prometheus asks; None: the inner listener has them.

    Args:
        settings: Say where.
        gateway: What is shown.
        inner: Port of the inner listener.

    Raises:
        MachineError: Nothing can listen there.
    """
    host, port = settings.metrics_host, settings.metrics_port
    if port in (0, inner):
        return None
    ready = gateway.progress.said
    try:
        return Server(
            gateway, live=lambda: {"ok": True}, ready=ready, host=host, port=port
        )
    except OSError as error:
        raise MachineError(f"metrics at {host}:{port}: {error.strerror}") from error


async def _serve(settings: Settings, gateway: Gateway, feed: Feed, port: int) -> None:
    app = application(gateway)
    shared: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "h11_max_incomplete_event_size": HEADERS_BYTES_MAX,
        "limit_concurrency": CONNECTIONS_MAX,
        "backlog": 1024,
    }
    servers = [_Server(uvicorn.Config(app, host=HOST, port=port, **shared))]
    wanted = gateway.settings
    if wanted.tls_port:
        outer = tls.config(
            app,
            settings.home,
            wanted.tls_host,
            wanted.tls_port,
            lifespan="off",  # the inner one brings the application to life
            **shared,
        )
        servers.append(_Server(outer))

    def end() -> None:
        gateway.bus.close()
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    telling = [
        asyncio.create_task(_tell(settings, gateway, feed, port)),
        asyncio.create_task(Hooks(settings.home, gateway).tell()),
    ]
    try:
        await asyncio.gather(*(server.serve() for server in servers))
    finally:
        for one in telling:
            one.cancel()


async def _tell(settings: Settings, gateway: Gateway, feed: Feed, port: int) -> None:
    """Write what the gateway does, for `kerwen status`."""
    started = time.time_ns() // 1_000_000
    file = settings.home.run / f"{settings.worker or NAME}.json"
    while True:
        said = {
            "worker": settings.worker or NAME,
            "pid": os.getpid(),
            "metrics_port": port,
            "started_ms": started,
            "updated_ms": time.time_ns() // 1_000_000,
            "ready": gateway.progress.caught_up,
            "partitions": feed.partitions(),
        }
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(said), "utf-8")
        draft.replace(file)
        await asyncio.sleep(REPORT_SECONDS)
