"""The canary: what it sends is known, and so is what must come out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli.main import main
from hub.core.books import Books
from hub.core.catalogue.live import compare
from hub.core.catalogue.model import Catalogue
from hub.core.errors import MachineError
from hub.core.topics import topics
from hub.edge.files import catalogue_folder, read_catalogue
from hub.trials import canary, canary_service
from hub.trials.canary import Bird, Flock, Tally
from hub.trials.canary_service import FIRST_MONTH, SHORT_MONTH
from tests.trials import years

MONTH = FIRST_MONTH


def flock(seed: int, count: int) -> Flock:
    """Records drawn with a seed."""
    random = Random(seed)  # noqa: S311 - to be drawn again
    birds = [canary.hatch(MONTH, random.randbytes) for _ in range(count)]
    return Flock(birds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue with the canary's files."""
    made = tmp_path_factory.mktemp("canary") / "catalogue"
    shutil.copytree(catalogue_folder(), made)
    shutil.copytree(canary.CATALOGUE, made, dirs_exist_ok=True)
    return made


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Catalogue:
    """As the hub reads it."""
    return read_catalogue(folder)


def test_it_may_join_while_the_hub_runs(catalogue: Catalogue) -> None:
    """Nothing breaks; five topics come, and nothing else does."""
    found = compare(read_catalogue(), catalogue)
    assert (found.breaks, found.young) == ((), ())
    new = {one.name for one in topics(catalogue)}
    assert new - {one.name for one in topics(read_catalogue())} == {
        "ministry.canary.canary",
        "receipts.canary",
        "quarantine.canary",
        "statements.canary",
        "indicators.CANARY",
    }


def test_no_list_and_no_count_has_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no dataflow, no table and no member of anybody."""
    for words in (["check"], ["list"]):
        said = []
        for place in (catalogue_folder(), folder):
            main(["catalogue", *words, "--folder", str(place), "--json"])
            said.append(json.loads(capsys.readouterr().out))
        for one in said:
            one.pop("digest", None)
            one.pop("codelists", None)
        assert said[0] == said[1]


def test_a_release_shows_exactly_what_was_sent(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    """From a ministry's file to protected figures: the sums, by sex, to the unit."""
    sent = flock(seed=7, count=5)
    short = canary.hatch(SHORT_MONTH, Random(1).randbytes)  # noqa: S311 - as above
    canary.write(tmp_path / "canary.csv", [*sent.birds, short])
    where = {"member": canary.MEMBER, "dataflow": canary.DATAFLOW}
    said = {
        "files": [{"path": "canary.csv", **where}],
        "declarations": [{"period": MONTH, "complete": True, "nil": False, **where}],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(said))
    facts = years.active(tmp_path, catalogue)
    [cut] = years.run(catalogue, facts, [(MONTH, "P")], 500)
    shown = {
        one.sex: int(one.value or 0) for one in cut.figures if one.table == canary.TABLE
    }

    assert sent.seen((shown["F"], shown["M"], shown["_OUN"])) == 5
    assert shown["_T"] == shown["F"] + shown["M"] + shown["_OUN"]


@given(st.integers(0, 1 << 32), st.integers(2, 9), st.data())
def test_loss_doubling_and_change_all_show(
    seed: int, count: int, data: st.DataObject
) -> None:
    """What is not the sum of the first records is nobody's."""
    sent = flock(seed, count)
    at = data.draw(st.integers(0, count - 2))
    bird = sent.birds[at]
    other = Bird(token=bird.token, month=MONTH, numbers=(1, 1, 1))
    whole = list(sent.sums())
    for shown in (
        [*sent.birds[:at], *sent.birds[at + 1 :]],
        [*sent.birds, bird],
        [*sent.birds[:at], other, *sent.birds[at + 1 :]],
    ):
        *_, last = Flock(shown).sums()
        assert sent.seen(last) == 0
    assert [sent.seen(one) for one in whole] == list(range(1, count + 1))


def test_counted_once_by_both_stages() -> None:
    """One too many is as bad as one too few."""

    def books(judged: int, folded: int) -> Books:
        made = Books()
        row = {"stage": "dedupe", "ministry": "canary", "dataflow": "canary"}
        where = {"source": "s/0"}
        made.enter("rows_counted", {**row, **where, "outcome": "unique"}, judged)
        fact = {"stage": "aggregate", "dataflow": "canary"}
        made.enter("facts_counted", {**fact, **where}, folded)
        return made

    before = Tally.of(books(4, 4))
    words = {
        (4, 4): "open",
        (5, 4): "open",
        (5, 5): "counted",
        (6, 5): "twice",
        (5, 6): "twice",
    }
    for (judged, folded), word in words.items():
        assert Tally.of(books(judged, folded)).after(before, 1) == word
    assert Tally.of(Books()) == Tally()


def test_a_token_is_found_in_every_writing(tmp_path: Path) -> None:
    """As text, in capitals, as bytes; and nothing is found where nothing is."""
    [bird] = flock(seed=1, count=1).birds
    (tmp_path / "clean").write_bytes(b"x" * 5_000)
    (tmp_path / "empty").touch()
    assert canary.leaks([bird.token], [tmp_path]) == []
    forms = {
        "text": bird.token.encode(),
        "capitals": bird.token.upper().encode(),
        "bytes": bytes.fromhex(bird.token.removeprefix(canary.PREFIX)),
    }
    for name, content in forms.items():
        (tmp_path / name).write_bytes(b"xx" * 3_000 + content + b"y")
    found = canary.leaks([bird.token], [tmp_path])
    assert {path.name for path in found} == {*forms}


def test_the_verb_adds_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is there stays as it is."""
    made = tmp_path / "catalogue"
    assert main(["canary", "--output", str(made), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = read_catalogue(made)
    assert said["digest"] == found.digest.hex()
    assert found.dataflows[canary.DATAFLOW].probe
    assert main(["canary", "--output", str(made)]) == 2
    assert "exists" in capsys.readouterr().err


def test_the_service_says_what_it_lacks(tmp_path: Path) -> None:
    """A catalogue without its member; in a process of its own, for its signals."""
    done = subprocess.run(
        [sys.executable, "-m", "hub.trials.canary_service"],
        env={**os.environ, "KERWEN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "the canary cannot fly: 'canary' is no member" in done.stderr


def test_the_service_goes_on_whatever_happens() -> None:
    """A hub that is away ends no service; a long trip that waits is tried again."""
    done = threading.Event()
    told: list[str] = []

    class Tired:
        """Says what it was asked; its hub is away once."""

        def fly(self) -> str:
            told.append("fly")
            if len(told) == 1:
                raise MachineError("no hub runs here")
            return "counted"

        def travel(self) -> str:
            told.append("travel")
            return "released" if told.count("travel") > 1 else "waits"

        def search(self) -> int:
            told.append("search")
            done.set()
            return 0

    canary_service._serve(Tired(), done, every=0.001, release=0.0)  # type: ignore[arg-type]  # the loop alone
    assert told == ["fly", "fly", "travel", "fly", "travel", "search"]
