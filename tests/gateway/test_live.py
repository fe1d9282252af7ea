"""News as they come, and their end when a member is revoked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Queue

import httpx
import pytest

from hub.edge import passes
from hub.gateway.bus import QUEUE_MAX, Bus
from hub.gateway.store import Change
from tests.core.sdmx.releases import MOMENT, Log, close, release, withdraw
from tests.gateway.house import House, served

FAR_MS = 4_000_000_000_000
SOON_SECONDS = 10
"""What a test waits for at most on a busy machine; benchmarks say how long it takes."""

END = ""


class Listener:
    """A client of the stream, in a thread of its own."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.lines: Queue[str] = Queue()
        self.ready = threading.Event()
        self._url, self._headers = url, headers or {}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self.ready.wait(10)

    def _listen(self) -> None:
        with (
            suppress(httpx.TransportError),
            httpx.stream("GET", self._url, headers=self._headers, timeout=30) as found,
        ):
            for line in found.iter_lines():
                if line.startswith("retry"):
                    self.ready.set()
                if line.startswith(("event", "data")):
                    self.lines.put(line)
        self.lines.put(END)

    def event(self, seconds: float = SOON_SECONDS) -> tuple[str, dict[str, object]]:
        """The next event and what it says."""
        kind = self.lines.get(timeout=seconds)
        data = self.lines.get(timeout=seconds)
        return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def silent(self, seconds: float = 0.4) -> bool:
        """Whether nothing comes."""
        try:
            self.lines.get(timeout=seconds)
        except Empty:
            return True
        return False


@pytest.fixture
def live(empty: House) -> Iterator[str]:
    """Where an empty gateway answers."""
    with served(empty) as url:
        yield url


def test_a_release_and_its_withdrawal_are_told_at_once(empty: House, live: str) -> None:
    """Which table, which release, which period; never the figures."""
    listener = Listener(f"{live}/live")
    log = Log()
    release(log, ["STK_VEL"], close(1))
    empty.take(log)
    kind, said = listener.event()

    assert (kind, said["table"], said["period"]) == ("release", "STK_VEL", "2025")
    assert said["release"] == close(1).marker.hex()
    assert "value" not in json.dumps(said).lower()
    withdraw(log, "STK_VEL", close(1), MOMENT, "wrong")
    empty.take(log)
    assert listener.event()[0] == "withdraw"


def test_listeners_hear_what_they_may_and_want(empty: House, live: str) -> None:
    """Of tables for members only members; of others, those asked for."""
    token = passes.issue(empty.home, "unicef", now_ms=0, until_ms=FAR_MS)
    empty.gateway.doors.look()
    public = Listener(f"{live}/live")
    member = Listener(f"{live}/live", {"Authorization": f"Bearer {token}"})
    other = Listener(f"{live}/live?tables=PRM_NEW")
    log = Log()
    release(log, ["HTF_MEANS", "STK_VEL"], close(1))
    empty.take(log)

    assert public.event()[1]["table"] == "STK_VEL"
    assert {member.event()[1]["table"] for _ in range(2)} == {"HTF_MEANS", "STK_VEL"}
    assert public.silent()
    assert other.silent()


def test_a_revoked_members_stream_ends(empty: House, live: str) -> None:
    """And only that one."""
    tokens = [
        passes.issue(empty.home, member, now_ms=0, until_ms=FAR_MS)
        for member in ("unicef", "iom")
    ]
    empty.gateway.doors.look()
    cut, stays = (
        Listener(f"{live}/live", {"Authorization": f"Bearer {token}"})
        for token in tokens
    )
    passes.revoke(empty.home, now_ms=0, reason="lost", member="unicef")

    assert cut.lines.get(timeout=SOON_SECONDS) == END
    assert stays.silent()


def test_a_gateway_that_stops_ends_its_streams(empty: House) -> None:
    """Nobody is kept waiting."""
    with served(empty) as url:
        listener = Listener(f"{url}/live")
        empty.gateway.bus.close()
        assert listener.lines.get(timeout=SOON_SECONDS) == END


def test_a_listener_that_does_not_keep_up_is_dropped() -> None:
    """It comes again and asks the store; the others never wait for it."""
    change = Change(
        table="STK_VEL",
        action="release",
        marker="aa",
        vintage="P",
        period="2025",
        released_ms=0,
        seen_ms=0,
        observations=1,
    )

    async def flood() -> tuple[int, object]:
        bus = Bus()
        bus.open(asyncio.get_running_loop())
        with bus.listen() as slow, bus.listen() as quick:
            heard = 0
            for _ in range(QUEUE_MAX + 5):
                bus.publish(change)
                await asyncio.sleep(0)
                heard += await quick.get() is change
            return heard, await slow.get()

    assert asyncio.run(flood()) == (QUEUE_MAX + 5, None)
