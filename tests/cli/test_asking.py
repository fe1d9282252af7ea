"""Brokers that are slow, mute or away cost doctor seconds, and are called by name."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import UnrecognizedBrokerVersion, UnsupportedVersionError

from hub.cli import asking, brokers, groups
from hub.cli.findings import Finding
from hub.cli.main import main
from hub.cli.reach import inputs
from hub.core.access import STAGES
from hub.core.catalogue.model import Catalogue
from hub.core.errors import MachineError, RetriableError
from hub.edge import kafka
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded import pki

FOUND = Finding(what="late", cause="x", command="y")
LATE_SECONDS = 20
"""What a test waits for at most on a machine that is busy with others."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """That of the repository."""
    return read_catalogue()


@pytest.fixture
def mute() -> Iterator[str]:
    """Somebody who accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def settings(tmp_path: Path, mute: str) -> Settings:
    """A home with certificates, whose brokers are mute."""
    made = Settings(home=Home(root=tmp_path / "home"), bootstrap=mute)
    made.home.make()
    pki.issue(made.home, ("admin", "control", *STAGES))
    return made


def test_brokers_that_are_mute_are_down(settings: Settings) -> None:
    """Whoever only connects would believe them, and wait."""
    began = time.monotonic()
    asked = asking.ask(settings)
    took = time.monotonic() - began

    assert [one.what for one in asked.findings] == ["broker down"]
    assert took < asking.REACH_SECONDS + LATE_SECONDS


def test_doctor_does_not_wait_for_mute_brokers(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three of them, asked together."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KERWEN_BOOTSTRAP", ",".join([settings.bootstrap] * 3))
    began = time.monotonic()
    code = main(["doctor"])
    took = time.monotonic() - began

    assert code == 1
    assert took < LATE_SECONDS
    assert capsys.readouterr().out.count("does not answer") == 1  # one address


def test_what_is_not_told_in_time_is_named() -> None:
    """The others' findings are there; nobody waits for the slow one."""
    free = threading.Event()

    def slow() -> list[Finding]:
        free.wait(60)
        return [FOUND]

    def broken() -> list[Finding]:
        raise RetriableError("away")

    def crashing() -> list[Finding]:
        raise FileNotFoundError("gone meanwhile")

    looks: dict[str, asking.Look] = {
        "topics": crashing,
        "logs": slow,
        "groups": lambda: [FOUND],
        "the trail": broken,
    }
    began = time.monotonic()
    found = asking.together(looks, time.monotonic() + 0.5)
    took = time.monotonic() - began
    free.set()

    assert [one.what for one in found] == [
        *("look failed", "late", "look failed", "looks too long")
    ]
    assert "looking at topics broke off: FileNotFoundError, at" in found[0].cause
    assert "looking at the trail broke off: RetriableError: away," in found[2].cause
    assert found[3].cause.endswith("told all about logs")
    assert took < LATE_SECONDS


def test_a_look_that_breaks_off_keeps_what_it_found_and_tells_no_payload() -> None:
    """Of an error that is not ours its kind, and that of the one it came from."""

    def reading() -> Iterator[Finding]:
        yield FOUND
        try:
            int("A1234567")
        except ValueError as error:
            raise KeyError("Jane Doe") from error

    def certified() -> list[Finding]:
        raise MachineError("no certificate: told by who looks at certificates")

    looks: dict[str, asking.Look] = {"rows": reading, "own": certified}
    found, broken = asking.together(looks, time.monotonic() + LATE_SECONDS)

    assert found == FOUND
    said, place = broken.cause.split(", at ")
    assert said == "looking at rows broke off: KeyError (from ValueError)"
    assert place.startswith("hub/cli/asking.py:")


def test_a_look_that_breaks_off_names_the_line_of_ours(settings: Settings) -> None:
    """With the system's words for it; the rest of what doctor asks goes on."""
    settings.home.hub_file.mkdir(parents=True)
    asked = asking.ask(settings)

    assert [one.what for one in asked.findings] == ["look failed"]
    [said] = [one.cause for one in asked.findings]
    assert re.fullmatch(
        r"looking at the brokers broke off: IsADirectoryError: Is a directory, "
        r"at hub/edge/settings\.py:\d+",
        said,
    )


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (RetriableError("brokers at b:1 do not answer"), "look failed"),
        (UnsupportedVersionError("Jane"), "broker version"),
        (UnrecognizedBrokerVersion("Jane"), "broker version"),
    ],
)
def test_brokers_that_answer_at_first_and_not_to_the_end_are_told_of(
    settings: Settings,
    catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    what: str,
) -> None:
    """Also where the edge has put the error of the library into words of ours."""

    def away(*_: Any) -> None:
        raise RetriableError("topics cannot be described") from error

    monkeypatch.setattr(kafka, "admin", away)
    looks: dict[str, asking.Look] = {
        "topics": lambda: brokers.of_brokers(settings, catalogue=catalogue)
    }
    [found] = asking.together(looks, time.monotonic() + LATE_SECONDS)

    assert found.what == what
    assert type(error).__name__ in found.cause
    assert "Jane" not in found.cause


def group(places: list[tuple[str, int]], state: str = "Stable") -> dict[str, Any]:
    """A group with one member, as brokers describe it."""
    topics = sorted({topic for topic, _ in places})
    given = [
        {"topic": topic, "partitions": [p for name, p in places if name == topic]}
        for topic in topics
    ]
    member = {"member_assignment": {"assigned_partitions": given}}
    return {"group_state": state, "members": [member]}


def test_a_partition_that_nobody_was_given_is_found(catalogue: Catalogue) -> None:
    """Only of a group at rest; a stage without members is told as one."""
    whole = {stage: group(inputs(catalogue, stage)) for stage in STAGES}
    assert list(groups.judge(whole, catalogue)) == []

    some = inputs(catalogue, "dedupe")[2:]
    [unread] = groups.judge({**whole, "dedupe": group(some)}, catalogue)
    assert unread.what == "partition unread"
    assert "and 1 more: no worker of dedupe" in unread.cause
    sorting = {**whole, "dedupe": group(some, "PreparingRebalance")}
    assert list(groups.judge(sorting, catalogue)) == []

    [missing] = groups.judge({**whole, "release": {"members": []}}, catalogue)
    assert missing.what == "stage missing"
    assert "nobody works at release" in missing.cause


def test_a_worker_in_a_log_that_is_no_more_is_found() -> None:
    """By the brokers' id of the topic; one that has stopped says so itself."""
    part = {
        "topic": "t",
        "partition": 0,
        "log": "aa" * 16,
        "condition": "running",
        "stage": "intake",
    }
    ids = {"t": b"\xaa" * 16}
    assert list(groups.of_logs([part], ids)) == []
    ids = {"t": b"\xbb" * 16}
    [found] = groups.of_logs([part], ids)
    assert found.what == "log replaced"
    assert list(groups.of_logs([{**part, "condition": "stopped"}], ids)) == []
