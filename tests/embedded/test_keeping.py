"""What ends is started again, with growing patience."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.embedded import keeping, ports
from hub.embedded.keeping import Backoff, Kept, probe

ANSWER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(b'{"ok": true, "lag": 7}')
port = int(os.environ["KERWEN_METRICS_PORT"])
assert port == int(sys.argv[1])
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


def kept(tmp_path: Path, program: str) -> Kept:
    """A program that is kept alive."""
    return Kept(
        name="test-0",
        stage="test",
        command=("-c", program, "{port}"),
        environment=dict(os.environ),
        log=tmp_path / "test.log",
        port=ports.free(1)[0],
    )


@given(st.lists(st.floats(0, keeping.HEALTHY_SECONDS, exclude_max=True), max_size=40))
def test_patience_doubles_to_ten_seconds(lives: list[float]) -> None:
    """Short lives double the delay, from half a second, and never beyond ten."""
    backoff = Backoff()
    delays = [backoff.after(life) for life in lives]

    assert delays == [min(10.0, 0.5 * 2**n) for n in range(len(lives))]


def test_a_healthy_minute_forgets_the_past() -> None:
    """A process that lived a minute begins again with half a second."""
    backoff = Backoff()
    for _ in range(8):
        backoff.after(1)

    assert backoff.after(60) == 0.5
    assert backoff.after(1) == 1.0


def test_a_dead_process_is_started_again_when_due(tmp_path: Path) -> None:
    """Not before its delay, and then once."""
    one = kept(tmp_path, "raise SystemExit(7)")
    one.start()
    while one.pid is not None:
        time.sleep(0.01)
    now = 1000.0

    assert one.tick(now)
    assert (one.exit_code, one.restarts) == (7, 0)
    assert not one.tick(now + 0.4)
    assert one.tick(now + 0.5)
    assert one.restarts == 1
    one.stop(time.monotonic() + 5)


def test_ready_is_what_it_says_itself(tmp_path: Path) -> None:
    """A process is ready when its probe answers 200; its answer can be read."""
    one = kept(tmp_path, ANSWER)
    assert not one.is_ready()
    one.start()
    try:
        deadline = time.monotonic() + 10
        while not one.is_ready() and time.monotonic() < deadline:
            time.sleep(0.05)

        assert probe(one.port, "/readyz") == {"ok": True, "lag": 7, "ready": True}
        assert probe(one.port, "/livez")["ready"] is False
    finally:
        one.stop(time.monotonic() + 5)
    assert probe(one.port, "/readyz") == {"ready": False}
