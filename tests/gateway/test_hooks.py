"""Members' addresses are told of releases, signed, and never twice more than needed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hub.core.errors import InvalidError, MachineError, UsageError
from hub.edge import hooks, locks, passes
from hub.gateway import hooks as webhooks
from hub.gateway.hooks import SIGNATURE, Hooks, signature
from tests.core.sdmx.releases import Log, close, release
from tests.gateway.house import House

QUICK = (0.0, 0.05, 0.05)


@dataclass
class Receiver:
    """A member's server: what came, and what it answers."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    came: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Answers 204, or what is wanted first."""
    one = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.came.append((self.headers[SIGNATURE], body))
            self.send_response(one.statuses.pop(0) if one.statuses else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    one.url = f"http://127.0.0.1:{server.server_port}/hook?of=kerwen"
    yield one
    server.shutdown()
    server.server_close()
    thread.join(5)


def told(house: House, receiver: Receiver, requests: int) -> None:
    """Release a table and wait until so many requests came, and a little longer."""

    async def story() -> None:
        house.gateway.bus.open(asyncio.get_running_loop())
        task = asyncio.create_task(Hooks(house.home, house.gateway, tries=QUICK).tell())
        await asyncio.sleep(0.01)
        log = Log()
        release(log, ["HTF_MEANS"], close(1))
        await asyncio.to_thread(house.take, log)
        for _ in range(200):
            if len(receiver.came) >= requests:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        house.gateway.bus.close()

    asyncio.run(story())


def counted(house: House, outcome: str) -> float | None:
    """Calls with that end; None: none yet."""
    labels = {"stage": "gateway", "outcome": outcome}
    registry = house.gateway.metrics.registry
    return registry.get_sample_value("kerwen_webhooks_total", labels)


def test_a_release_is_told_with_a_signature(empty: House, receiver: Receiver) -> None:
    """The event of the stream; whoever has the secret can check it."""
    hook = hooks.add(empty.home, "iom", receiver.url)
    told(empty, receiver, 1)
    [(header, body)] = receiver.came
    event = json.loads(body)
    moment, _, shown = header.removeprefix("t=").partition(",v1=")
    text = f"{moment}.".encode() + body
    expected = hmac.new(hook.secret.encode(), text, hashlib.sha256).hexdigest()

    assert (event["action"], event["table"]) == ("release", "HTF_MEANS")
    assert "value" not in body.decode().lower()
    assert hmac.compare_digest(shown, expected)
    assert header != signature("another", int(moment), body)
    assert counted(empty, "taken") == 1


def test_what_is_not_taken_is_sent_again(empty: House, receiver: Receiver) -> None:
    """A redirect is no answer either, and nobody is followed."""
    hooks.add(empty.home, "iom", receiver.url)
    receiver.statuses[:] = [500, 302]
    told(empty, receiver, 3)

    assert len(receiver.came) == 3
    assert len({body for _, body in receiver.came}) == 1


def test_an_address_that_never_answers_is_given_up(
    empty: House, receiver: Receiver
) -> None:
    """After as many tries as there are; another one hears all the same."""
    receiver.statuses[:] = [503] * 3
    hooks.add(empty.home, "unicef", "http://127.0.0.1:9/nobody")
    hooks.add(empty.home, "iom", receiver.url)
    told(empty, receiver, 3)

    assert len(receiver.came) == len(QUICK)
    assert counted(empty, "given_up") == 2


def test_a_revoked_member_is_told_nothing(empty: House, receiver: Receiver) -> None:
    """From the moment that the doors know."""
    hooks.add(empty.home, "iom", receiver.url)
    passes.revoke(empty.home, now_ms=0, reason="left", member="iom")
    empty.gateway.doors.look()
    told(empty, receiver, 1)

    assert receiver.came == []
    assert counted(empty, "revoked") == 1


def test_what_finds_no_room_is_counted(
    empty: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is left out is seen, and the others go on."""
    monkeypatch.setattr(webhooks, "WAITING_MAX", 1)
    for _ in range(3):
        hooks.add(empty.home, "iom", receiver.url)
    told(empty, receiver, 1)

    assert (counted(empty, "taken"), counted(empty, "dropped")) == (1, 2)


def test_addresses_are_kept_closed_and_can_be_taken_back(empty: House) -> None:
    """Nobody else reads the file; a damaged one is said to be so."""
    made = hooks.add(empty.home, "iom", "https://hooks.example.org/a")

    assert hooks.known(empty.home) == [made]
    assert made.secret not in repr(made)
    assert hooks.file(empty.home).stat().st_mode & 0o077 == 0
    assert hooks.remove(empty.home, made.id)
    assert not hooks.remove(empty.home, made.id)
    assert hooks.known(empty.home) == []
    hooks.file(empty.home).write_text('[{"id": 1}]')
    with pytest.raises(InvalidError, match="damaged"):
        hooks.known(empty.home)
    hooks.file(empty.home).chmod(0o644)
    with pytest.raises(MachineError, match="readable by others"):
        hooks.known(empty.home)


def test_one_command_at_a_time_changes_them(
    empty: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second would write back what the first took away."""
    made = hooks.add(empty.home, "iom", "https://hooks.example.org/a")
    monkeypatch.setattr(locks, "TURN_SECONDS", 0.0)
    with (
        locks.turn(hooks.file(empty.home)),
        pytest.raises(MachineError, match="another command"),
    ):
        hooks.remove(empty.home, made.id)
    assert hooks.remove(empty.home, made.id)


def test_a_file_that_others_can_read_ends_nothing(
    empty: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and counted, and the next release is told again."""
    hooks.add(empty.home, "iom", receiver.url)
    hooks.file(empty.home).chmod(0o640)
    told(empty, receiver, 0)

    assert "webhooks are not told" in caplog.text
    assert counted(empty, "unread") == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://user:word@hooks.example.org/",
        "ftp://hooks.example.org/",
        "https:///nothing",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org/\r\nX: y",
        "https://höoks.example.org/",
        f"https://hooks.example.org/{'a' * 1000}",
    ],
)
def test_an_address_that_may_not_be_told_is_refused(empty: House, url: str) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError, match="--url"):
        hooks.add(empty.home, "iom", url)
    assert hooks.known(empty.home) == []
