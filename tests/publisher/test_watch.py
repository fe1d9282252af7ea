"""A watched folder against the real intake in memory: whole files, once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.edge.metrics import Metrics
from hub.publisher import ledger
from hub.publisher.figures import STAGE
from hub.publisher.watch import Watch
from hub.publisher.watch_folder import DEATHS_MAX, Folder
from hub.publisher.watch_plan import FolderPlan, Plan


class Time:
    """A clock that goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "in"
    path.mkdir()
    return path


Made = tuple[Watch, Time, list[str]]


@pytest.fixture
def service(desk: Any, place: Path) -> Callable[..., Made]:
    """Makes a service of one folder: itself, its clock, what it said."""

    def make(**options: Any) -> Made:
        flow = desk.catalogue.dataflows["border_crossing"]
        clock = Time()
        said: list[str] = []
        plan = FolderPlan(path=place, flow=flow, settle_seconds=5, **options)
        watch = Watch(
            plan=Plan(member="sms", folders=(plan,)),
            open=desk.session,
            metrics=Metrics(STAGE),
            listings=place.parent / "rejected",
            say=said.append,
            clock=clock,
        )
        return watch, clock, said

    return make


def settled(watch: Watch, clock: Time) -> None:
    """Two looks, far enough apart."""
    watch.round()
    clock.now += 6
    watch.round()


def names(folder: Path) -> list[str]:
    """Files of a folder."""
    return sorted(one.name for one in folder.iterdir() if one.is_file())


def batches(desk: Any) -> int:
    """Rows in batches."""
    with desk.session() as session:
        return sum(item.rows for item in ledger.items(session.spool))


def test_a_whole_file_is_published_and_moved(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """Only after it stayed as it is; what was refused is listed beside it."""
    watch, clock, said = service()
    crossings(12).write_csv(place / "a.csv")
    with (place / "a.csv").open("a") as stream:
        stream.write("half a line\n")

    watch.round()
    first = names(place)
    settled(watch, clock)

    assert (first, names(place)) == (["a.csv"], [])
    assert names(place / "done") == ["a.csv", "a.csv.errors.csv"]
    assert "14,14,(row)" in (place / "done" / "a.csv.errors.csv").read_text()
    assert said == ["a.csv: done, 12 rows, 1 rejected"]
    assert (batches(desk), watch.waiting, watch.failed) == (12, 0, 0)


def test_a_file_that_grows_is_not_read(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """Half-written: every change begins the wait anew."""
    watch, clock, _ = service()
    text = crossings(3).write_csv()
    for end in (40, 80, len(text)):
        (place / "a.csv").write_text(text[:end])
        watch.round()
        clock.now += 4
        watch.round()
        assert names(place) == ["a.csv"]
    clock.now += 2
    watch.round()

    assert names(place / "done") == ["a.csv"]
    assert batches(desk) == 3


def test_a_mark_makes_a_file_whole_at_once(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """With marks asked for, a file without one is left for ever."""
    watch, clock, _ = service(marked=True)
    crossings(3).write_csv(place / "a.csv")
    crossings(3, 9).write_csv(place / "b.csv")
    (place / "b.csv.done").touch()

    watch.round()
    settled(watch, clock)

    assert (names(place), names(place / "done")) == (["a.csv"], ["b.csv"])
    assert batches(desk) == 3


@pytest.mark.parametrize(
    "name",
    [
        *(".hidden.csv", "~$a.xlsx", "a.csv.tmp", "a.csv.part", "a.CSV.FilePart"),
        *("a.csv.crdownload", "a.csv.rejected.csv", "a.csv.done", "a.lock"),
    ],
)
def test_names_that_are_not_meant_are_left(
    place: Path, service: Any, crossings: Any, name: str
) -> None:
    """What others still write, and what we write, is no delivery."""
    watch, clock, said = service()
    crossings(3).write_csv(place / name)

    settled(watch, clock)

    assert (names(place), said) == ([name], [])


def test_links_and_folders_are_not_followed(
    place: Path, service: Any, tmp_path: Path, crossings: Any
) -> None:
    """Who may write to the folder may not publish files outside it."""
    watch, clock, said = service()
    crossings(3).write_csv(tmp_path / "secret.csv")
    (place / "a.csv").symlink_to(tmp_path / "secret.csv")
    (place / "b.csv").mkdir()
    os.mkfifo(place / "c.csv")

    settled(watch, clock)

    assert said == []
    assert (tmp_path / "secret.csv").exists()


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "no header": (b"1,2,3\n4,5,6\n", "is missing"),
    "a header alone": (b"", "no rows under the header"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(99), "old Excel"),
    "half a workbook": (b"PK\x03\x04" + bytes(99), "damaged"),
    "compressed": (b"\x1f\x8b\x08", "compressed"),
    "a PDF": (b"%PDF-1.7", "a PDF"),
    "letters of another page": ("имя;год\nИванов;1\n".encode("koi8-r"), "encoding"),
    "lists without a mapping": (b"UNA:+.? 'UNB+UNOA:4+A+B'", "need a mapping"),
    "a JSON list": (b"[{}]", "a JSON list"),
    "a web page": (b"<html></html>\n", "no delimiter|is missing|no field"),
    "no row that can be read": (b"", "No row could be read"),
}
"""Files of which nothing can be published."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_goes_aside_and_the_next_one_on(
    desk: Any, place: Path, service: Any, crossings: Any, name: str
) -> None:
    """It lies in failed/, with a list that says what is wrong; others are published."""
    watch, clock, said = service()
    content, words = BROKEN[name]
    good = crossings(2).write_csv()
    if words == "no rows under the header":
        content = good.split("\n")[0].encode() + b"\n"
    elif words == "No row could be read":
        content = good.replace("2025-03-04", "4 March").encode()
    (place / "a.csv").write_bytes(content)
    (place / "b.csv").write_text(good)

    settled(watch, clock)

    assert (names(place), names(place / "done")) == ([], ["b.csv"])
    assert names(place / "failed") == ["a.csv", "a.csv.errors.csv"]
    errors = (place / "failed" / "a.csv.errors.csv").read_text()
    assert errors.startswith("row,line,column,what,mend\n")
    assert len(errors.splitlines()) >= 2
    assert "a.csv: failed: " in said[0]
    found = any(one in said[0] for one in words.split("|"))
    assert found, said[0]
    assert (batches(desk), watch.failed) == (2, 1)


def test_files_of_one_name_both_stay(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """A second delivery under the same name does not overwrite the first."""
    watch, clock, said = service()
    for first in (0, 3, 0):
        crossings(3, first).write_csv(place / "a.csv")
        settled(watch, clock)

    assert names(place / "done") == ["a.csv", "a.csv.1", "a.csv.2"]
    assert said == ["a.csv: done, 3 rows"] * 2 + ["a.csv: known, 3 rows"]
    assert batches(desk) == 6


def test_files_may_be_deleted_once_spooled(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """A ministry that may not keep them need not; failed ones stay to be mended."""
    watch, clock, _ = service(keep=False)
    crossings(3).write_csv(place / "a.csv")
    (place / "b.csv").write_text("nothing")

    settled(watch, clock)

    assert [*place.rglob("a.csv*")] == []
    assert names(place / "failed") == ["b.csv", "b.csv.errors.csv"]
    assert batches(desk) == 3


def test_without_room_the_file_stays(
    desk: Any, place: Path, service: Any, crossings: Any, monkeypatch: Any
) -> None:
    """A fault of the machine is no fault of the file: it is tried again."""
    watch, clock, said = service()
    crossings(3).write_csv(place / "a.csv")
    with monkeypatch.context() as patch:
        patch.setattr("hub.publisher.spool.RESERVE_BYTES", 1 << 60)
        for _ in range(DEATHS_MAX + 2):
            settled(watch, clock)
        assert (names(place), watch.troubled) == (["a.csv"], True)
    pause = watch.round()

    assert "no room" in said[0]
    assert (names(place / "done"), pause) == (["a.csv"], 5.0)
    assert batches(desk) == 3


def test_another_publication_is_waited_for(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """While a person publishes, the service waits, longer each time."""
    watch, clock, said = service()
    crossings(3).write_csv(place / "a.csv")
    watch.round()
    clock.now += 6
    with desk.session():
        pauses = [watch.round() for _ in range(6)]
    watch.round()

    assert pauses == [1.0, 2.0, 5.0, 15.0, 60.0, 60.0]
    assert len(said) == 2
    assert names(place / "done") == ["a.csv"]


def test_what_kills_the_service_is_set_aside(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """A file at which it died time and again does not stop the others for ever."""
    crossings(3).write_csv(place / "a.csv")
    crossings(3, 9).write_csv(place / "b.csv")
    folder = Folder(plan=service()[0].plan.folders[0], clock=Time())
    for _ in range(DEATHS_MAX + 1):
        folder._deaths(place / "a.csv")
    watch, clock, said = service()

    settled(watch, clock)

    assert "the service ended each time" in said[0]
    assert (names(place / "failed")[0], names(place / "done")) == ("a.csv", ["b.csv"])
    assert batches(desk) == 3


KILLED = """
import os, sys
from pathlib import Path
import hub.publisher.watch_folder as watched
from hub.edge.files import read_catalogue
from hub.edge.metrics import Metrics
from hub.publisher import filling
from hub.publisher.watch import Watch
from hub.publisher.watch_plan import FolderPlan, Plan
from tests.publisher.conftest import Desk

place, home, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
desk = Desk(home, read_catalogue())

def die(*_):
    os.kill(os.getpid(), 9)

put, rename = filling.Filler.put, Path.rename
count = 0

def put_some(self, *args, **options):
    global count
    count += 1
    put(self, *args, **options)
    if where == "between batches" and count == 2:
        die()

def move(self, target):
    if where == "before the move":
        die()
    rename(self, target)
    if where == "after the move":
        die()

filling.Filler.put = put_some
Path.rename = move
flow = desk.catalogue.dataflows["border_crossing"]
plan = Plan(member="sms", folders=(FolderPlan(path=place, flow=flow, marked=True),))
Watch(plan=plan, open=desk.session, metrics=Metrics("publisher"),
      listings=place, say=print).round()
"""


@pytest.mark.parametrize(
    "where", ["between batches", "before the move", "after the move"]
)
def test_killed_at_any_moment_nothing_is_twice(
    desk: Any, place: Path, service: Any, crossings: Any, where: str
) -> None:
    """After kill -9 the file is found, known, and every row is in one batch."""
    rows = crossings(25).write_csv() + "half a line\n"
    (place / "a.csv").write_text(rows)
    (place / "a.csv.done").touch()

    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(place), str(desk.settings.home.root), where],
        check=False,
    )
    watch, clock, _ = service()
    settled(watch, clock)
    (place / "b.csv").write_text(crossings(1, 99).write_csv())
    settled(watch, clock)

    assert ended.returncode == -signal.SIGKILL
    assert names(place / "done") == ["a.csv", "a.csv.errors.csv", "b.csv"]
    assert names(place) in ([], ["a.csv.done"])
    assert batches(desk) == 26


def test_metrics_count_by_outcome(
    desk: Any, place: Path, service: Any, crossings: Any
) -> None:
    """Files, rows, and when something was last taken."""
    watch, clock, _ = service()
    crossings(3).write_csv(place / "a.csv")
    (place / "b.csv").write_text("nothing")

    settled(watch, clock)

    text = watch.metrics.text().decode()
    labels = 'dataflow="border_crossing",ministry="sms",outcome='
    for outcome in ("done", "failed"):
        line = f'kerwen_files_total{{{labels}"{outcome}",stage="publisher"}} 1.0'
        assert line in text
    assert f'kerwen_rows_total{{{labels}"spooled",stage="publisher"}} 3.0' in text
    assert "kerwen_last_success_seconds" in text
    assert desk.catalogue is not None


def test_a_folder_that_is_gone_stops_nothing_else(
    desk: Any, place: Path, crossings: Any
) -> None:
    """A share that was taken away is told once; the others are looked at."""
    flow = desk.catalogue.dataflows["border_crossing"]
    gone, clock = place.parent / "gone", Time()
    said: list[str] = []
    crossings(3).write_csv(place / "a.csv")
    watch = Watch(
        plan=Plan(
            member="sms",
            folders=tuple(
                FolderPlan(path=one, flow=flow, settle_seconds=5)
                for one in (gone, place)
            ),
        ),
        open=desk.session,
        metrics=Metrics(STAGE),
        listings=place,
        say=said.append,
        clock=clock,
    )

    settled(watch, clock)

    assert "gone: cannot be looked into" in said[0]
    assert said[1:] == ["a.csv: done, 3 rows"]


def test_the_command_takes_what_is_there_and_ends(
    desk: Any, place: Path, crossings: Any
) -> None:
    """One file, no hub: spooled, moved, and exit code 3 says that receipts wait."""
    crossings(3).write_csv(place / "a.csv")
    words = ["watch", "--member", "sms", "--folder", str(place), "--once", "--json"]
    words += ["--dataflow", "border_crossing", "--settle", "0", "--wait", "1"]
    environment = os.environ | {"KERWEN_HOME": str(desk.settings.home.root)}

    done = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", *words],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["waiting_batches"] == 1
    assert names(place / "done") == ["a.csv"]
    assert b"Traceback" not in done.stderr
