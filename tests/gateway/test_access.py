"""Who gets in: tokens, certificates, revocations; and what is written about it."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509

from hub.core.sdmx.refusal import Fault, RefusalError
from hub.edge import kafka, passes
from hub.embedded import pki
from hub.embedded.ports import free
from hub.gateway import gate, tls
from hub.gateway.app import application
from hub.gateway.doors import PUBLIC, Caller, Doors
from tests.core.sdmx.releases import Log, close, release
from tests.gateway.house import House, served

MEMBERS_ONLY = "/sdmx/2.1/data/HTF_MEANS/all?format=csv"
OPEN = "/sdmx/2.1/data/STK_VEL/all?format=csv"
FAR_MS = 4_000_000_000_000


@pytest.fixture
def stocked(empty: House) -> House:
    """A gateway with an open table and one for members."""
    log = Log()
    release(log, ["STK_VEL", "HTF_MEANS"], close(1))
    empty.take(log)
    return empty


def issue(one: House, member: str, until_ms: int = FAR_MS) -> dict[str, str]:
    """A new token, as a header."""
    token = passes.issue(one.home, member, now_ms=0, until_ms=until_ms)
    one.gateway.doors.look()
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def served_with_tls(one: House) -> Iterator[str]:
    """The gateway's outer listener; its address."""
    pki.issue(one.home, ["gateway", "unicef", "iom", "nobody"])
    [port] = free(1)
    config = tls.config(
        application(one.gateway),
        one.home,
        "127.0.0.1",
        port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def shown(one: House, member: str = "") -> ssl.SSLContext:
    """TLS as a member, or as nobody in particular."""
    if member:
        return kafka.context(one.home, member)
    context = ssl.create_default_context(cafile=str(one.home.pki / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def test_tables_for_members_want_a_token(stocked: House) -> None:
    """Everybody else is told what to show; open tables are open to all."""
    with served(stocked) as url:
        nobody = httpx.get(url + MEMBERS_ONLY)
        member = httpx.get(url + MEMBERS_ONLY, headers=issue(stocked, "unicef"))
        anyone = httpx.get(url + OPEN)
        structure = httpx.get(f"{url}/sdmx/2.1/datastructure/KERWEN/HTF_MEANS")
        count = httpx.get(f"{url}/sdmx/2.1/availableconstraint/HTF_MEANS")

    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert (member.status_code, anyone.status_code) == (200, 200)
    assert member.headers["cache-control"] == "private, no-cache"
    assert anyone.headers["cache-control"] == "public, no-cache"
    assert (structure.status_code, count.status_code) == (200, 401)


@pytest.mark.parametrize(
    "place",
    [
        "/sdmx/2.1/contentconstraint/all",
        "/sdmx/2.1/dataflow/KERWEN/HTF_MEANS?references=all",
        "/sdmx/2.1/schema/dataflow/KERWEN/HTF_MEANS",
        "/sdmx/3.0/structure/dataconstraint/*",
        "/sdmx/3.0/schema/dataflow/KERWEN/HTF_MEANS/~",
    ],
)
def test_what_data_there_is_for_members_is_for_members(
    stocked: House, place: str
) -> None:
    """Structures are everybody's; which codes and how many figures occur is not."""
    with served(stocked) as url:
        other = httpx.get(url + place)
        mine = httpx.get(url + place, headers=issue(stocked, "unicef"))
        again = httpx.get(url + place, headers={"If-None-Match": mine.headers["etag"]})

    name = "CR_HTF_MEANS"
    assert (name in mine.text, name in other.text) == (True, False)
    assert mine.headers["cache-control"] == "private, no-cache"
    assert (other.status_code, again.status_code) in {(200, 200), (404, 404)}


@pytest.mark.parametrize(
    "header",
    ["Bearer nonsense", "Basic dTpw", "Bearer", "nonsense", f"Bearer {'x' * 300}"],
)
def test_what_is_shown_must_be_good(stocked: House, header: str) -> None:
    """Even where nothing would have been needed."""
    with served(stocked) as url:
        found = httpx.get(url + OPEN, headers={"Authorization": header})
    assert found.status_code == 401


def test_tokens_end(stocked: House) -> None:
    """By time, by order, and with their member; only hashes are kept."""
    doors = stocked.gateway.doors
    old = issue(stocked, "unicef", until_ms=1)
    good = issue(stocked, "unicef")
    with pytest.raises(RefusalError, match="unknown or has expired"):
        doors.caller(old["Authorization"], None)
    assert doors.caller(good["Authorization"], None).member == "unicef"
    stored = passes.tokens_file(stocked.home).read_text("utf-8")
    assert good["Authorization"].removeprefix("Bearer ") not in stored
    assert passes.forget(stocked.home, "unicef") == 2
    doors.look()
    with pytest.raises(RefusalError):
        doors.caller(good["Authorization"], None)
    stranger = issue(stocked, "nobody")
    with pytest.raises(RefusalError, match="no member that reads"):
        doors.caller(stranger["Authorization"], None)


def test_a_certificate_of_the_hub_is_enough(stocked: House) -> None:
    """Its name is the member; a stranger's opens no connection."""
    with served_with_tls(stocked) as url:
        answers = {
            member: httpx.get(url + MEMBERS_ONLY, verify=shown(stocked, member))
            for member in ("unicef", "nobody", "")
        }
        probe = httpx.get(f"{url}/metrics", verify=shown(stocked))
    assert {name: one.status_code for name, one in answers.items()} == {
        "unicef": 200,
        "nobody": 403,
        "": 401,
    }
    assert probe.status_code == 404


def test_a_certificate_of_another_authority_opens_nothing(
    stocked: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The handshake fails."""
    other = type(stocked.home)(root=tmp_path_factory.mktemp("other"))
    other.make()
    pki.issue(other, ["unicef"])
    context = shown_of(stocked, other.pki / "unicef.pem")
    with served_with_tls(stocked) as url, pytest.raises(httpx.TransportError):
        httpx.get(url + OPEN, verify=context)


def shown_of(one: House, certificate: Path) -> ssl.SSLContext:
    """TLS with another certificate."""
    pki.issue(one.home, ["gateway"])
    context = ssl.create_default_context(cafile=str(one.home.pki / "ca.pem"))
    context.load_cert_chain(str(certificate))
    return context


def test_a_revoked_member_or_certificate_is_refused(stocked: House) -> None:
    """At the next request of the same connection."""
    with ExitStack() as stack:
        url = stack.enter_context(served_with_tls(stocked))
        client, other = (
            stack.enter_context(httpx.Client(base_url=url, verify=shown(stocked, one)))
            for one in ("unicef", "iom")
        )
        assert client.get(MEMBERS_ONLY).status_code == 200
        passes.revoke(stocked.home, now_ms=0, reason="lost laptop", member="unicef")
        assert _becomes(client, 403)
        assert other.get(MEMBERS_ONLY).status_code == 200
        pem = (stocked.home.pki / "iom.pem").read_bytes()
        serial = format(x509.load_pem_x509_certificate(pem).serial_number, "x")
        passes.revoke(stocked.home, now_ms=0, reason="copied", certificate=serial)
        assert _becomes(other, 403)
        assert passes.restore(stocked.home, "unicef")
        assert _becomes(client, 200)


def _becomes(client: httpx.Client, status: int, seconds: float = 3) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if client.get(MEMBERS_ONLY).status_code == status:
            return True
        time.sleep(0.05)
    return False


def test_damaged_files_let_nobody_new_in(stocked: House) -> None:
    """And nobody out: what counted goes on counting."""
    doors = stocked.gateway.doors
    good = issue(stocked, "unicef")
    passes.revoke(stocked.home, now_ms=0, reason="x", member="iom")
    doors.look()
    passes.revoked_file(stocked.home).write_text("{")
    passes.tokens_file(stocked.home).write_text("[]")

    assert not doors.look()
    assert doors.caller(good["Authorization"], None).member == "unicef"
    gone = Caller(member="iom", way="certificate", shown="1")
    problem = doors.problem(gone)
    assert problem is not None
    assert problem.fault is Fault.FORBIDDEN


def test_measures_are_each_callers_own(stocked: House) -> None:
    """A member's is not an address's, and time fills them."""
    doors = Doors(stocked.home, {"unicef"}, per_second=1_000.0, burst=2.0)
    slow = Doors(stocked.home, {"unicef"}, per_second=0.001, burst=2.0)
    member = Caller(member="unicef", way="token", shown="x")
    for _ in range(2):
        slow.take(PUBLIC, "10.0.0.1")
    with pytest.raises(RefusalError):
        slow.take(PUBLIC, "10.0.0.1")
    slow.take(PUBLIC, "10.0.0.2")
    slow.take(member, "10.0.0.1")
    for _ in range(20):
        time.sleep(0.002)
        doors.take(PUBLIC, "10.0.0.1")


def test_who_tries_tokens_out_has_a_measure(stocked: House) -> None:
    """That of its address; a member's own is not touched."""
    doors = Doors(stocked.home, {"unicef"}, per_second=0.001, burst=3.0)
    stocked.gateway.doors = doors
    good = issue(stocked, "unicef")
    doors.look()
    with served(stocked) as url:
        wrong = {"Authorization": "Bearer nonsense"}
        codes = [httpx.get(url + OPEN, headers=wrong).status_code for _ in range(5)]
        nobody = httpx.get(url + OPEN)
        member = httpx.get(url + OPEN, headers=good)

    assert codes == [401, 401, 401, 429, 429]
    assert (nobody.status_code, member.status_code) == (429, 200)


def test_the_access_log_has_no_person_in_it(stocked: House, tmp_path: Path) -> None:
    """Route, dataflow, status; no address, no agent, no query, no token."""
    path = tmp_path / "access.jsonl"
    gate.log_to(path)
    header = issue(stocked, "unicef")
    try:
        with served(stocked) as url:
            agent = {"User-Agent": "Personal Browser of A. Person", **header}
            httpx.get(f"{url}/sdmx/2.1/data/STK_VEL/A.TM..?lang=ru", headers=agent)
            httpx.get(f"{url}/sdmx/2.1/data/somebody@example.org/secret")
            httpx.get(f"{url}/readyz")
    finally:
        for handler in gate.access.handlers:
            handler.close()
        gate.access.handlers.clear()
    text = path.read_text("utf-8")
    first, second = [json.loads(line) for line in text.splitlines()]

    assert first | {"time": "", "ms": 0, "bytes": 0} == {
        "time": "",
        "route": "/sdmx/2.1/data/{flow}/{key}",
        "flow": "STK_VEL",
        "status": 200,
        "bytes": 0,
        "ms": 0,
        "way": "token",
        "member": "unicef",
    }
    assert (second["flow"], second["status"]) == ("", 404)
    for word in ("127.0.0.1", "Personal", "lang", "example", "secret", "Bearer"):
        assert word not in text
