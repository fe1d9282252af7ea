"""Shows the spools of this machine, its certificates and the public keys to Prometheus.

``python -m hub.publisher.exporter``

Runs where a ministry publishes: address and port come from KERWEN_METRICS_HOST and
KERWEN_METRICS_PORT. It reads, and holds no key.
"""

from __future__ import annotations

import signal
import sys
import threading
import time

from hub.core.errors import HubError
from hub.edge.files import read_catalogue
from hub.edge.household import Household
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Settings, from_environment
from hub.publisher.figures import STAGE, Spools


def main() -> int:
    """Serve until TERM or INT."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        server = serve(from_environment())
    except (HubError, OSError) as error:
        sys.stderr.write(f"the exporter cannot start: {error}\n")
        return 3
    done.wait()
    server.close()
    return 0


def serve(settings: Settings) -> Server:
    """A server of ``/metrics`` about the spools of a home."""
    catalogue = read_catalogue(settings.catalogue)
    hidden = {flow.id for flow in catalogue.dataflows.values() if flow.quiet}
    metrics = Metrics(STAGE)
    spools = Spools(settings.home.spool, hidden, lambda: time.time_ns() // 1_000_000)
    metrics.registry.register(spools)
    names = {member.member: member.id for member in catalogue.members.values()}
    metrics.registry.register(Household(settings.home, STAGE, names=names))
    return Server(
        metrics,
        live=lambda: {"ok": True},
        ready=lambda: {"ok": True},
        host=settings.metrics_host,
        port=settings.metrics_port,
    )


if __name__ == "__main__":
    sys.exit(main())
