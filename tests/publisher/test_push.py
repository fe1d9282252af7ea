"""HTTP push against a real server on loopback and the real intake in memory."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from hub.core.errors import InvalidError, MachineError
from hub.edge.metrics import Metrics
from hub.publisher import ledger, push, push_spec, push_tokens, watch_plan
from hub.publisher.figures import STAGE
from hub.publisher.push import Desk, Server
from hub.publisher.watch import Watch
from hub.publisher.watch_plan import Plan
from tests.publisher.conftest import Desk as Ministry

FLOW = "border_crossing"
LINES = "application/x-ndjson"


@dataclass(kw_only=True)
class Place:
    """A running service with one client."""

    desk: Any
    watch: Watch
    server: Server
    client: httpx.Client
    token: str

    def post(self, body: Any, **said: str) -> httpx.Response:
        """One push; `said` replaces headers, a path, or leaves one out if empty."""
        path = said.pop("path", f"/v1/rows/{FLOW}")
        headers = {
            "authorization": f"Bearer {self.token}",
            "idempotency-key": "key-1",
            "content-type": LINES,
        } | {name.replace("_", "-"): value for name, value in said.items()}
        wanted = {name: value for name, value in headers.items() if value}
        return self.client.post(path, content=body, headers=wanted)


@pytest.fixture
def place(desk: Any, tmp_path: Path) -> Iterator[Place]:
    """A service with an empty spool."""
    with running(desk, tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, catalogue: Any) -> Iterator[Place]:
    """One service for requests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    with running(Ministry(folder / "home", catalogue), folder) as found:
        yield found


@contextmanager
def running(desk: Any, tmp_path: Path) -> Iterator[Place]:
    """A service on a free port, and a thread that owns the spool."""
    accept = dict.fromkeys([FLOW, "passenger_flow"])
    plan = watch_plan.HttpPlan(
        host="127.0.0.1", port=0, accept=accept, body_bytes_max=1 << 20
    )
    watch = Watch(
        plan=Plan(member="sms", every_seconds=0.01, http=plan),
        open=desk.session,
        metrics=Metrics(STAGE),
        listings=tmp_path / "rejected",
        say=lambda _: None,
    )
    tokens = tmp_path / "sms.tokens"
    token = push_tokens.create(tokens, "register", [FLOW], os.urandom)
    made = Desk(
        plan=plan,
        dataflows=desk.catalogue.dataflows,
        tokens=tokens,
        folder=tmp_path / "bodies",
        jobs=watch.jobs,
        count=lambda flow, code: watch.counted(
            "pushes_total", dataflow=flow, outcome=code
        ),
    )
    server = Server(made)
    port = server.start()
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Place(desk=desk, watch=watch, server=server, client=client, token=token)
    watch.stopping.set()
    thread.join()
    server.close()


@pytest.fixture
def lines(crossings: Any) -> Callable[..., bytes]:
    """Valid rows as JSON Lines."""

    def make(rows: int, first: int = 0) -> bytes:
        text: str = crossings(rows, first).write_ndjson()
        return text.encode()

    return make


def rows(place: Place) -> int:
    """Rows in batches; waits for its turn at the spool."""
    for _ in range(100):
        try:
            with place.desk.session() as session:
                return sum(item.rows for item in ledger.items(session.spool))
        except MachineError:
            time.sleep(0.05)
    raise AssertionError("the spool is never free")


def test_202_means_that_the_rows_are_in_the_spool(place: Place, lines: Any) -> None:
    """The answer names batches that are there, and rows that were refused."""
    answer = place.post(lines(12) + b'{"record_id": "R-99", "remarks": 1}\n')

    body = answer.json()
    assert answer.status_code == 202, body
    assert (body["rows"], body["rejected"], len(body["batches"])) == (12, 1, 2)
    assert body["rejections"][0]["column"] == "remarks"
    assert body["rejections"][0]["line"] == 13
    assert rows(place) == 12
    jsonschema.validate(body, push_spec._TAKEN)
    assert list((place.watch.listings.parent / "bodies").iterdir()) == []


def test_the_same_again_is_answered_and_not_doubled(place: Place, lines: Any) -> None:
    """With its key from memory; with another key from its content."""
    first = place.post(lines(5))
    again = place.post(lines(5))
    other = place.post(lines(5), idempotency_key="key-2")
    changed = place.post(lines(6), idempotency_key="key-2")

    assert (first.status_code, again.json()) == (202, first.json())
    assert other.json()["batches"] == first.json()["batches"]
    assert (changed.status_code, "another body" in changed.text) == (409, True)
    assert rows(place) == 5


def test_a_refused_body_may_come_again_mended(place: Place, lines: Any) -> None:
    """A key is used up by rows that were taken, not by a mistake."""
    wrong = place.post(b'{"record_id": 1, "nothing": 2}\n')
    right = place.post(lines(2))

    assert (wrong.status_code, right.status_code) == (422, 202)
    assert "No row could be read" in wrong.json()["detail"]
    assert wrong.json()["rejections"][0]["column"] == "nothing"
    assert "push-" not in wrong.json()["detail"]


def test_csv_is_taken_with_its_letters(place: Place, crossings: Any) -> None:
    """The media type says the form, its charset the letters."""
    text = crossings(3).write_csv(separator=";").replace("LOLA", "ЛОЛА")

    answer = place.post(
        text.encode("cp1251"), content_type="text/csv; charset=windows-1251"
    )

    assert (answer.status_code, answer.json()["rows"]) == (202, 3)


REFUSED: dict[str, tuple[dict[str, str], int]] = {
    "no token": ({"authorization": ""}, 401),
    "another scheme": ({"authorization": "Basic cmVnaXN0ZXI6eA=="}, 401),
    "a wrong token": ({"authorization": "Bearer wrong"}, 401),
    "an empty token": ({"authorization": "Bearer"}, 401),
    "no such dataflow": ({"path": "/v1/rows/nothing"}, 404),
    "no such path": ({"path": "/v2/rows"}, 404),
    "not for this token": ({"path": "/v1/rows/passenger_flow"}, 403),
    "no key": ({"idempotency_key": ""}, 400),
    "a key too long": ({"idempotency_key": "x" * 65}, 400),
    "a key with blanks": ({"idempotency_key": "a b"}, 400),
    "no type": ({"content_type": ""}, 415),
    "a type that is not taken": ({"content_type": "application/json"}, 415),
    "a type that is none": ({"content_type": "///;;"}, 415),
}
"""Requests that are refused before their body is looked at."""


@pytest.mark.parametrize("name", REFUSED)
def test_checks_come_before_the_body(shared: Place, lines: Any, name: str) -> None:
    """Each has its status, and a problem that says what to send."""
    said, status = REFUSED[name]

    answer = shared.post(lines(2), **said)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    jsonschema.validate(answer.json(), push_spec._PROBLEM)
    assert (rows(shared), shared.token in answer.text) == (0, False)


BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "blanks": (b"\n\n", "empty"),
    "a JSON list": (b'[{"record_id": 1}]', "a JSON list"),
    "UTF-16": ('{"record_id": 1}'.encode("utf-16"), "UTF-16"),
    "no JSON": (b"record_id,sex\n1,F\n", "No row could be read"),
    "half an object": (b'{"record_id": "1", "sex"', "No row could be read"),
    "nested": (b'{"record_id": {"a": 1}}', "No row could be read"),
    "unknown keys": (b'{"a": 1}', "No row could be read"),
    "a huge line": (b'{"record_id": "' + b"x" * 900_000 + b'"}', "longer"),
    "zero bytes": (bytes(999), "No row could be read"),
}
"""Bodies of which nothing can be taken."""


@pytest.mark.parametrize("name", BODIES)
def test_a_broken_body_is_422(shared: Place, name: str) -> None:
    """The answer says what is wrong with it, and nothing of this machine."""
    body, words = BODIES[name]

    answer = shared.post(body)

    assert (answer.status_code, words in answer.text) == (422, True), answer.text
    assert "/" not in answer.json()["detail"]


def test_bodies_have_a_size(place: Place) -> None:
    """Declared or not, what is too large is not kept."""

    def unsaid() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * (1 << 16)

    declared = place.post(b"x" * ((1 << 20) + 1))
    streamed = place.post(unsaid())

    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert list((place.watch.listings.parent / "bodies").iterdir()) == []


def test_a_body_that_breaks_off_leaves_nothing(place: Place, lines: Any) -> None:
    """A client that goes away in the middle has sent nothing."""
    address = ("127.0.0.1", place.client.base_url.port)
    head = (
        f"POST /v1/rows/{FLOW} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n"
        f"Content-Type: {LINES}\r\nIdempotency-Key: k\r\n"
        f"Authorization: Bearer {place.token}\r\n\r\n"
    )
    with socket.create_connection(address) as stream:
        stream.sendall(head.encode() + lines(3))
        time.sleep(0.3)
    bodies = place.watch.listings.parent / "bodies"
    for _ in range(50):
        if not list(bodies.iterdir()):
            break
        time.sleep(0.05)

    assert list(bodies.iterdir()) == []
    assert rows(place) == 0


def test_a_slow_body_is_ended(
    place: Place, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends a byte now and then does not hold a place for ever."""
    monkeypatch.setattr(push, "BODY_SECONDS", 0.3)

    def slow() -> Iterator[bytes]:
        yield lines(1)
        time.sleep(1)
        yield lines(1)

    assert place.post(slow()).status_code == 408


def test_a_spool_that_is_held_is_503(place: Place, lines: Any) -> None:
    """While another publishes: come again, with the same key; then it is taken."""
    place.watch.round()
    with place.desk.session():
        busy = place.post(lines(4))
    for _ in range(40):
        taken = place.post(lines(4))
        if taken.status_code == 202:
            break
        time.sleep(0.1)

    assert (busy.status_code, busy.headers["retry-after"]) == (503, "10")
    assert (taken.status_code, rows(place)) == (202, 4)


def test_many_at_once_are_all_taken_once(place: Place, lines: Any) -> None:
    """Concurrent clients, some of them with the same key."""
    answers: list[int] = []

    def send(number: int) -> None:
        body = lines(3, number % 8 * 3)
        for _ in range(60):
            code = place.post(body, idempotency_key=f"k{number % 8}").status_code
            if code != 503:
                break
            time.sleep(0.2)
        answers.append(code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(24)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert answers == [202] * 24
    assert rows(place) == 24


def test_a_token_is_shown_once_and_kept_as_digest(tmp_path: Path) -> None:
    """The file opens nothing, and taking out a line takes the right away."""
    path = tmp_path / "sms.tokens"
    token = push_tokens.create(path, "a", [], os.urandom)
    push_tokens.create(path, "b", [FLOW], os.urandom)

    found = push_tokens.find(path, token)

    assert found is not None
    assert (found.name, found.may("anything")) == ("a", True)
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidError, match="has a token already"):
        push_tokens.create(path, "a", [], os.urandom)
    for name in ("", "A", "a b", "ä", "x" * 33):
        with pytest.raises(InvalidError, match="small letters"):
            push_tokens.create(path, name, [], os.urandom)
    path.write_text(path.read_text().split("\n", 1)[1])
    assert push_tokens.find(path, token) is None
    assert push_tokens.find(path, "") is None


def test_a_port_that_is_taken_is_told(shared: Place) -> None:
    """The service does not start half."""
    port = shared.client.base_url.port
    plan = replace(shared.watch.plan.http, port=port)  # type: ignore[type-var] # it has one
    desk = Desk(
        plan=plan,  # type: ignore[arg-type] # as above
        dataflows=shared.desk.catalogue.dataflows,
        tokens=Path("none"),
        folder=shared.watch.listings.parent / "others",
        jobs=shared.watch.jobs,
        count=lambda *_: None,
    )

    with pytest.raises(MachineError, match="cannot listen"):
        Server(desk).start()


def test_the_document_describes_what_is_here(shared: Place, lines: Any) -> None:
    """Every dataflow, its rows, and every status; rows that fit are taken."""
    found = shared.client.get("/openapi.json").json()

    post = found["paths"][f"/v1/rows/{FLOW}"]["post"]
    assert set(found["paths"]) == {f"/v1/rows/{FLOW}", "/v1/rows/passenger_flow"}
    known = {str(status) for _, status in REFUSED.values()}
    assert set(post["responses"]) >= known | {"202", "408", "409", "413", "422", "503"}
    shape = post["requestBody"]["content"][LINES]["schema"]["x-row"]
    for line in lines(3).splitlines():
        jsonschema.validate(json.loads(line), shape)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(lines(1)) | {"pnr": "X"}, shape)


def test_answers_are_those_of_the_document(place: Place) -> None:
    """Generated requests, good and bad: nothing that the document does not list."""
    base = str(place.client.base_url)
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    strategy = schema[f"/v1/rows/{FLOW}"]["POST"].as_strategy()

    @settings(max_examples=25, database=None, suppress_health_check=list(HealthCheck))
    @given(case=strategy, known=st.booleans())
    def look(case: Any, *, known: bool) -> None:
        token = place.token if known else "unknown"
        case.call_and_validate(
            base_url=base,
            headers={"Authorization": f"Bearer {token}"},
            # A text of the right type need not be a row.
            excluded_checks=[positive_data_acceptance],
        )

    look()
