"""Metrics of one worker and its two probes, on loopback, in a thread of its own.

Rules (design: envelope, metrics; operators):

- Own registry; names ``kerwen_…``, seconds, counters end in ``_total``.
- What may be counted, its labels and their words are declared in ``metrics.toml`` (see
  :mod:`hub.edge.declared`); anything else is refused. Series are bounded.
- What a worker can account for (positions, coverage, sums since its logs began) is
  shown as a whole, anew every second: what is no longer its own is not shown.
- The server is a thread: ``/livez`` still answers, and says so, when the loop hangs.
- Series of a partition that was taken away are removed.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.core.stage import Series
from hub.edge import declared

# A second series for each, which nobody asks; the function has no annotations.
disable_created_metrics()  # type: ignore[no-untyped-call]

PREFIX = "kerwen_"
SERIES_MAX = 5_000
"""Label sets of one worker; beyond, new ones are dropped and counted."""

SECONDS_BUCKETS = (
    0.002,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
)

Probe = Callable[[], Mapping[str, object]]
"""What a probe answers; it is healthy unless ``ok`` is false."""


class Account(Collector):
    """Gauges that are replaced as a whole; read by the thread of the server."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.samples: Sequence[tuple[Series, float]] = ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a name and set of labels."""
        families: dict[tuple[str, ...], GaugeMetricFamily] = {}
        for (name, labels), value in self.samples[:SERIES_MAX]:
            names = ("stage", *(label for label, _ in labels))
            family = families.get((name, *names))
            if family is None:
                family = families[name, *names] = GaugeMetricFamily(
                    PREFIX + name, declared.metric(name, self._stage).text, labels=names
                )
            family.add_metric([self._stage, *(text for _, text in labels)], value)
        return iter(families.values())


class Metrics:
    """The series of one worker; every one carries its stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._account = Account(stage)
        self._accounts = CollectorRegistry()
        self._accounts.register(self._account)
        self._series: set[Series] = set()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        self._lock = threading.Lock()
        name = "series_dropped_total"
        self._dropped = Counter(
            PREFIX + name,
            declared.metric(name, stage).text,
            ("stage",),
            registry=self.registry,
        )

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter; its name ends in ``_total``."""
        made = self._get(Counter, name, labels)
        if isinstance(made, Counter):
            made.inc(amount)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        made = self._get(Gauge, name, labels)
        if isinstance(made, Gauge):
            made.set(value)

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Observe a duration."""
        made = self._get(Histogram, name, labels)
        if isinstance(made, Histogram):
            made.observe(seconds)

    def take(
        self, counts: Mapping[Series, float], gauges: Mapping[Series, float]
    ) -> None:
        """Take over what a step counted."""
        for (name, labels), amount in counts.items():
            self.count(name, amount, **dict(labels))
        for (name, labels), value in gauges.items():
            self.gauge(name, value, **dict(labels))

    def gaps(self, before: Iterable[str], now: Iterable[str]) -> None:
        """Show the gaps that are open `now`; forget those of `before` that closed."""
        still = set(now)
        for source in still:
            self.gauge("gap_open", 1, source=source)
        for source in set(before) - still:
            self._forget("gap_open", source=source)

    def present(self, samples: Sequence[tuple[Series, float]]) -> None:
        """Show these samples of the account, and none that was shown before."""
        self._account.samples = samples

    def account(self) -> str:
        """The exposition of the account alone."""
        return generate_latest(self._accounts).decode()

    def text(self) -> bytes:
        """The exposition of all series."""
        return generate_latest(self.registry) + generate_latest(self._accounts)

    def _get(
        self,
        kind: type[Counter | Gauge | Histogram],
        name: str,
        labels: Mapping[str, str],
    ) -> Counter | Gauge | Histogram | None:
        known = declared.metric(name, self.stage)
        if not {*labels} <= {*known.labels} or kind.__name__.lower() != known.kind:
            raise ValueError(
                f"metric {name}: a {known.kind} with {known.labels} is declared, not a"
                f" {kind.__name__.lower()} with {tuple(labels)}"
            )
        labels = known.bounded({label: labels.get(label, "") for label in known.labels})
        series = (name, tuple(sorted(labels.items())))
        with self._lock:
            if series not in self._series:
                if len(self._series) >= SERIES_MAX:
                    self._dropped.labels(stage=self.stage).inc()
                    return None
                self._series.add(series)
            made = self._made.get(name)
            if made is None:
                made = self._made[name] = self._make(kind, name, known)
            return made.labels(stage=self.stage, **labels)

    def _make(
        self, kind: type[Counter | Gauge | Histogram], name: str, known: declared.Metric
    ) -> Counter | Gauge | Histogram:
        names = ("stage", *known.labels)
        if kind is Histogram:
            return Histogram(
                PREFIX + name,
                known.text,
                names,
                registry=self.registry,
                buckets=SECONDS_BUCKETS,
            )
        return kind(PREFIX + name, known.text, names, registry=self.registry)

    def _forget(self, name: str, **labels: str) -> None:
        with self._lock:
            made = self._made.get(name)
            self._series.discard((name, tuple(sorted(labels.items()))))
            if made is not None:
                with contextlib.suppress(KeyError):
                    made.remove(self.stage, *(labels[k] for k in sorted(labels)))


class Shown(Protocol):
    """What has an exposition, such as :class:`Metrics`."""

    def text(self) -> bytes:
        """All series; called in the thread of the server."""


class Server:
    """Answers ``/metrics``, ``/livez`` and ``/readyz``; on loopback unless told."""

    def __init__(
        self,
        metrics: Shown,
        *,
        live: Probe,
        ready: Probe,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        probes = {"/livez": live, "/readyz": ready}

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self.answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, metrics.text())
                elif self.path in probes:
                    found = probes[self.path]()
                    healthy = found.get("ok", True)
                    status = (
                        HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
                    )
                    body = json.dumps(found).encode() + b"\n"
                    self.answer(status, "application/json", body)
                else:
                    self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

            def answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """A scrape is no event."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port in use; chosen free when none was given."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
