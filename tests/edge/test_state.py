"""State on disk: atomic, fenced, held by one owner, alive after kill -9."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.errors import FencedError, MachineError, RetriableError
from hub.core.state import Memory, Overlay
from hub.edge import state as module
from hub.edge.state import Budget, State, open_state

ROOT = Path(__file__).parents[2]

Open = Callable[[str], State]

WRITER = """
import pathlib, sys, time
from hub.edge.state import Budget, open_state
state = open_state(pathlib.Path(sys.argv[1]), Budget.of())
for n in range(1000):
    state.write({b'n': str(n).encode(), b'%d' % n: b'x' * 100})
print('written', flush=True)
time.sleep(60)
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens states below the test's folder and closes them afterwards."""
    budget = Budget.of(cache_bytes=1 << 20, buffers_bytes=1 << 20)
    states: list[State] = []

    def open_one(name: str) -> State:
        made = open_state(tmp_path / name, budget)
        assert made is not None
        states.append(made)
        return made

    yield open_one
    for one in states:
        one.close()


def test_what_was_written_is_read(opened: Open) -> None:
    """Values come in the order of the keys asked for; None where there is none."""
    state = opened("s")
    state.write({b"a": b"1", b"b": b"", b"c": b"3"})
    state.write({b"c": None})

    assert state.get_many([b"c", b"b", b"a", b"x", b"a"]) == [
        None,
        b"",
        b"1",
        None,
        b"1",
    ]
    assert state.get_many([]) == []


def test_scan_gives_a_prefix_in_order_over_many_pages(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages do not lose, repeat or leave the prefix, whatever its last byte."""
    monkeypatch.setattr(module, "PAGE_ENTRIES", 3)
    state = opened("s")
    keys = [b"\xff" + bytes([n]) for n in range(10)]
    state.write(dict.fromkeys([*keys, b"\xfe", b"\xfe\xff"], b"v"))

    assert [key for key, _ in state.scan(b"\xff")] == keys
    assert [key for key, _ in state.scan(b"\xfe")] == [b"\xfe", b"\xfe\xff"]
    assert list(state.scan(b"none")) == []


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.binary(min_size=1, max_size=3),
            st.none() | st.binary(max_size=4),
            max_size=8,
        ),
        max_size=6,
    )
)
def test_state_is_what_memory_is(
    tmp_path_factory: pytest.TempPathFactory,
    writes: list[dict[bytes, bytes | None]],
) -> None:
    """Disk, and an overlay on it, behave like the simulator's dict."""
    state = open_state(tmp_path_factory.mktemp("s") / "one", Budget.of())
    assert state is not None
    memory = Memory()
    for pending in writes:
        state.write(pending)
        memory.apply(pending)
    probes = [*memory.entries, b"?"]

    assert list(state.scan(b"")) == list(memory.scan(b""))
    assert Overlay(state).get_many(probes) == Overlay(memory).get_many(probes)
    state.close()


def test_a_killed_state_reads_and_writes_nothing(opened: Open) -> None:
    """The fence holds before the folder is given up, and after."""
    state = opened("s")
    state.write({b"a": b"1"})
    state.kill()
    with pytest.raises(FencedError):
        state.write({b"a": b"2"})
    with pytest.raises(FencedError):
        state.get_many([b"a"])
    with pytest.raises(FencedError):
        list(state.scan(b""))
    state.close()
    state.close()

    assert opened("s").get_many([b"a"]) == [b"1"]


def test_close_waits_for_readers_and_fences_them(opened: Open) -> None:
    """A step under way in another thread ends with FencedError, not with a crash."""
    state = opened("s")
    keys = [n.to_bytes(4) for n in range(20_000)]
    state.write(dict.fromkeys(keys, b"v"))
    reading = threading.Event()
    ends: list[type[Exception]] = []

    def read() -> None:
        try:
            while True:
                state.get_many(keys)
                reading.set()
        except FencedError as error:
            ends.append(type(error))

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait()
    state.close()
    thread.join()

    assert ends == [FencedError]
    assert opened("s").get_many(keys[:1]) == [b"v"]


def test_a_scan_under_way_does_not_hold_the_folder(opened: Open) -> None:
    """A half-read iterator must not keep the next owner out."""
    state = opened("s")
    state.write({b"a": b"1", b"b": b"2"})
    half = state.scan(b"")
    next(half)
    state.close()

    assert opened("s").get_many([b"b"]) == [b"2"]


def test_a_folder_has_one_owner(opened: Open, tmp_path: Path) -> None:
    """A second owner is told to wait until the first one closes."""
    first = opened("s")
    assert open_state(tmp_path / "s", Budget.of()) is None
    first.close()

    assert opened("s").get_many([b"a"]) == [None]


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    """The log of a killed process is in the page cache; its lock is gone."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            WRITER,
            str(tmp_path / "s"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    budget = Budget.of()
    assert open_state(tmp_path / "s", budget) is None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    state = open_state(tmp_path / "s", budget)
    assert state is not None
    found = state.get_many([b"n", b"0", b"999"])
    state.close()

    assert found == [b"999", b"x" * 100, b"x" * 100]


def test_a_folder_that_is_no_state_is_refused(tmp_path: Path) -> None:
    """A file in the place of the folder is an error of the machine, said so."""
    (tmp_path / "s").write_text("no state")

    with pytest.raises(MachineError, match="restore a checkpoint"):
        open_state(tmp_path / "s", Budget.of())


def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    """Without room a state does not open, says why, and opens once there is room."""
    budget = Budget.of()
    first = open_state(tmp_path / "s", budget)
    assert first is not None
    first.write({b"n": b"1"})
    first.close()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(RetriableError, match="the disk is full"):
            open_state(tmp_path / "s", budget)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    again = open_state(tmp_path / "s", budget)
    assert again is not None
    found = again.get_many([b"n"])
    again.close()

    assert found == [b"1"]


def test_memory_is_bounded_over_many_states(opened: Open) -> None:
    """Eight busy partitions share one small budget."""
    before = _resident_mb()
    states = [opened(f"s{n}") for n in range(8)]
    for _ in range(4):
        for one in states:
            one.write({os.urandom(16): bytes(200) for _ in range(4_000)})

    assert _resident_mb() - before < 120
    assert states[0].measure()["keys"] > 0


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") >> 20
