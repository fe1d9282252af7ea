"""A disk that fills up and stalls, on whatever this machine allows."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.trials.chaos import volume

WRITER = """
import sys, time
from pathlib import Path
path = Path(sys.argv[1])
while True:
    try:
        path.write_bytes(bytes(200_000))
        print("written", flush=True)
    except OSError as error:
        print("refused", flush=True)
    path.unlink(missing_ok=True)
    time.sleep(0.02)
"""


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes into `folder` and says how it went."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder / "file")],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def says(process: subprocess.Popen[str], word: str) -> bool:
    """Whether the writer comes to say `word`."""
    assert process.stdout is not None
    return any(process.stdout.readline().strip() == word for _ in range(500))


@contextmanager
def plain(folder: Path) -> Iterator[volume.Volume]:
    """What is used where nothing can be mounted."""
    folder.mkdir()
    yield volume.Folder(folder)


@pytest.mark.parametrize("kind", [volume.at, plain])
def test_full_is_full_until_there_is_room(tmp_path: Path, kind: object) -> None:
    """A process that writes is refused while the disk is full, and not after."""
    assert callable(kind)
    with kind(tmp_path / "state") as disk, writer(tmp_path / "state") as process:
        assert says(process, "written")
        with disk.full([process.pid]):
            assert says(process, "refused")
        assert says(process, "written")
        process.kill()


@pytest.mark.parametrize("kind", [volume.at, plain])
def test_slow_is_over_in_time(tmp_path: Path, kind: object) -> None:
    """Writers get through after the stalls; nothing is left of them."""
    assert callable(kind)
    with kind(tmp_path / "state") as disk:
        longest = [0.0]
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                began = time.monotonic()
                (tmp_path / "state" / "file").write_bytes(bytes(1000))
                longest[0] = max(longest[0], time.monotonic() - began)
                time.sleep(0.01)

        thread = threading.Thread(target=write)
        thread.start()
        disk.slow(0.4, 2)
        stop.set()
        thread.join(10)

        assert not thread.is_alive()
        assert sorted(
            p.name for p in (tmp_path / "state").iterdir() if p.is_file()
        ) == ["file"]
        if disk.kind == "ext4":
            assert longest[0] > 0.3


def test_nothing_stays_mounted(tmp_path: Path) -> None:
    """The folder is what it was, and the file behind it is gone."""
    with volume.at(tmp_path / "state"):
        (tmp_path / "state" / "file").touch()

    assert not (tmp_path / "state.img").exists()
    assert str(tmp_path / "state") not in Path("/proc/mounts").read_text()
