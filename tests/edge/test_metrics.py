"""Metrics: own names, bounded series, a server that tells the truth."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from hub.edge import metrics as module
from hub.edge.metrics import Metrics, Server


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a worker of intake."""
    return Metrics("intake")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample."""
    return metrics.registry.get_sample_value(name, {"stage": "intake", **labels})


def test_counters_gauges_and_times_carry_prefix_and_stage(metrics: Metrics) -> None:
    """Names begin with kerwen_ and the stage is always a label."""
    metrics.count("messages_total", 3, outcome="applied")
    metrics.count("messages_total", outcome="applied")
    metrics.gauge("lag_messages", 7)
    metrics.time("chunk_seconds", 0.2)

    assert value(metrics, "kerwen_messages_total", outcome="applied") == 4
    assert value(metrics, "kerwen_lag_messages") == 7
    assert value(metrics, "kerwen_chunk_seconds_sum") == pytest.approx(0.2)
    assert value(metrics, "kerwen_chunk_seconds_bucket", le="0.25") == 1


def test_what_a_step_counted_is_taken_over(metrics: Metrics) -> None:
    """Series of a stage get the prefix and the stage."""
    labels = {
        "dataflow": "visa",
        "ministry": "sms",
        "outcome": "accepted",
        "reason": "",
    }
    series = ("rows_total", tuple(labels.items()))
    metrics.take({series: 20}, {("lag_messages", ()): 5})
    metrics.take({series: 1}, {("lag_messages", ()): 6})

    assert value(metrics, "kerwen_rows_total", **labels) == 21
    assert value(metrics, "kerwen_lag_messages") == 6


def test_what_is_not_declared_is_refused(metrics: Metrics) -> None:
    """Another name, label or kind is a mistake of ours, found by tests."""
    with pytest.raises(ValueError, match=r"not declared: add it to .*metrics\.toml"):
        metrics.count("x_total")
    with pytest.raises(ValueError, match="is declared"):
        metrics.count("sends_total", person="1")
    with pytest.raises(ValueError, match="a counter with"):
        metrics.gauge("sends_total", 1)


def test_a_word_that_is_not_declared_makes_no_series(metrics: Metrics) -> None:
    """Whatever comes in, there is one series for all that has no name."""
    for number in range(100):
        metrics.count("messages_total", outcome=f"x{number}")

    assert value(metrics, "kerwen_messages_total", outcome="other") == 100
    assert value(metrics, "kerwen_messages_total", outcome="x1") is None


def test_gaps_open_and_close(metrics: Metrics) -> None:
    """A gap that closed leaves no series behind."""
    metrics.gaps((), ("a/0", "b/0"))
    metrics.gaps(("a/0", "b/0"), ("b/0",))

    assert value(metrics, "kerwen_gap_open", source="a/0") is None
    assert value(metrics, "kerwen_gap_open", source="b/0") == 1


def test_series_are_bounded(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound new series are dropped and counted; old ones go on."""
    monkeypatch.setattr(module, "SERIES_MAX", 2)
    for outcome in ("applied", "stale", "gap", "replay", "applied"):
        metrics.count("messages_total", outcome=outcome)

    assert value(metrics, "kerwen_messages_total", outcome="applied") == 2
    assert value(metrics, "kerwen_messages_total", outcome="gap") is None
    assert value(metrics, "kerwen_series_dropped_total") == 2


@pytest.fixture
def server(metrics: Metrics) -> Iterator[Server]:
    """A server whose readiness probe says no."""
    made = Server(
        metrics, live=lambda: {"ok": True}, ready=lambda: {"ok": False, "why": "x"}
    )
    yield made
    made.close()


def get(server: Server, path: str) -> tuple[int, bytes]:
    """Status and body."""
    address = f"http://127.0.0.1:{server.port}{path}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_server_answers_metrics_and_probes(
    metrics: Metrics, server: Server
) -> None:
    """A probe that is not ok answers 503 and says why."""
    metrics.gauge("lag_messages", 3)
    status, body = get(server, "/metrics")

    assert status == 200
    assert b'kerwen_lag_messages{stage="intake"} 3.0' in body
    assert get(server, "/livez") == (200, b'{"ok": true}\n')
    assert get(server, "/readyz")[0] == 503
    assert json.loads(get(server, "/readyz")[1])["why"] == "x"
    assert get(server, "/else")[0] == 404
