"""The gateway as a process: what it shows besides its listeners."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from hub.core.errors import MachineError
from hub.edge.settings import Settings
from hub.embedded.ports import free
from hub.gateway.serve import aside
from tests.gateway.house import House


def test_a_prometheus_elsewhere_sees_metrics_and_probes_and_nothing_else(
    empty: House,
) -> None:
    """On the address and port the environment names, before it is ready and after."""
    inner, outer = free(2)
    host = "127.0.0.1"
    settings = Settings(home=empty.home, metrics_port=outer, metrics_host=host)
    empty.gateway.progress.caught_up = False
    server = aside(settings, empty.gateway, inner)
    assert server is not None
    try:
        url = f"http://{host}:{outer}"
        text = httpx.get(f"{url}/metrics").text
        assert 'kerwen_lag_messages{stage="gateway"} 0.0' in text
        assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 503
        empty.gateway.progress.caught_up = True
        assert httpx.get(f"{url}/readyz").status_code == 200
        for path in ("/", "/docs", "/openapi.json", "/sdmx/2.1/dataflow"):
            assert httpx.get(url + path).status_code == 404
        with pytest.raises(MachineError, match=f"metrics at {host}:{outer}"):
            aside(settings, empty.gateway, inner)
    finally:
        server.close()


@pytest.mark.parametrize("port", [0, 8080])
def test_one_listener_is_enough_on_one_machine(empty: House, port: int) -> None:
    """Nothing more where the inner listener is where metrics are asked for."""
    settings = Settings(home=empty.home, metrics_port=8080)

    assert aside(replace(settings, metrics_port=port), empty.gateway, 8080) is None
