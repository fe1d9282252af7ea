"""Live reconciliation: from what workers wrote and show to lines and words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hub.cli import audit
from hub.cli.main import main
from hub.core.catalogue.model import Catalogue
from hub.core.errors import MachineError, UsageError
from hub.core.reconcile import Difference, Line
from hub.core.stage import Series
from hub.edge.files import read_catalogue
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Home
from hub.trials import live

ONE = "ministry.sms.border_crossing/0"
POSITION: Series = ("position_offset", (("source", ONE),))
SETTLED: Series = ("settled_offset", (("source", ONE),))
COVERED: Series = (
    "covered_offset",
    (("into", "hub.records.MOBILITY/0"), ("source", ONE)),
)


def account(stage: str, *samples: tuple[Series, float]) -> str:
    """What a worker of this stage shows."""
    metrics = Metrics(stage)
    metrics.present(samples)
    return metrics.account()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the checkout."""
    return read_catalogue()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which this process is the supervisor."""
    made = Home(root=tmp_path / "home")
    made.make()
    workers = [{"name": "intake-0"}, {"name": "dedupe-0"}, {"name": "release-0"}]
    made.hub_file.write_text(json.dumps({"pid": os.getpid(), "workers": workers}))
    return made


def write(home: Home, name: str, text: str) -> None:
    """A worker's run file."""
    (home.run / f"{name}.json").write_text(json.dumps({"account": text}))


def test_the_last_word_of_a_silent_worker_counts(
    home: Home, catalogue: Catalogue
) -> None:
    """Files of the workers the supervisor names; others, and damaged ones, do not."""
    write(home, "intake-0", account("intake", (POSITION, 9), (SETTLED, 9)))
    write(home, "dedupe-0", account("dedupe", (COVERED, 4)))
    write(home, "dedupe-1", account("dedupe", (COVERED, 99)))
    (home.run / "release-0.json").write_text("{")
    lines = {line.dataflow: line for line in live.glance(home, catalogue)}
    found = {one.into: one for one in lines["border_crossing"].differences}

    assert found["hub.records.MOBILITY/0"] == Difference(
        where="dedupe",
        source=ONE,
        into="hub.records.MOBILITY/0",
        first=5,
        last=9,
        late=True,
    )
    assert found["hub.records.NONE/0"].first == 0


def test_workers_are_asked_by_their_addresses() -> None:
    """The page that Prometheus reads says the same as the run file."""
    metrics = Metrics("dedupe")
    metrics.present([(COVERED, 4)])
    metrics.count("blocks_total", outcome="covered")
    server = Server(metrics, live=dict, ready=dict)
    try:
        books = live.pages([f"127.0.0.1:{server.port}"])
    finally:
        server.close()
    assert books.at("covered_offset", ONE, "hub.records.MOBILITY/0") == 4
    assert list(books.places) == ["covered_offset"]
    with pytest.raises(MachineError, match="does not answer"):
        live.pages([f"127.0.0.1:{server.port}"])
    with pytest.raises(UsageError, match="not host:port"):
        live.pages(["intake"])


def test_a_quiet_dataflow_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looked late because two files are not of one moment is not late."""
    monkeypatch.setattr(live, "AGAIN_SECONDS", 0)
    late = Line(
        ministry="moh",
        dataflow="x",
        quiet=True,
        rows={},
        differences=(Difference(where="dedupe", late=True),),
    )
    looks = iter([[late], []])
    assert live._sure(lambda: next(looks)) == []
    assert live._sure(lambda: [late]) == [late]


def test_no_hub_is_said(tmp_path: Path, catalogue: Catalogue) -> None:
    """With what to do about it."""
    with pytest.raises(MachineError, match="--workers"):
        live.glance(Home(root=tmp_path), catalogue)


def line(*differences: Difference, **changed: Any) -> Line:
    """A line of border crossings."""
    given: dict[str, Any] = {
        "ministry": "sms",
        "dataflow": "border_crossing",
        "quiet": False,
        "rows": {"accepted": 7, "judged": 5},
    }
    return Line(**(given | changed), differences=differences)


def test_every_difference_is_one_sentence() -> None:
    """Where, from, to, since when."""
    place = Difference(
        where="dedupe",
        source=ONE,
        into="hub.records.NONE/0",
        first=5,
        last=9,
        late=True,
    )
    signed = Difference(where="log", source=ONE, first=3, last=4)
    rows = Difference(where="rows", first=-2, last=-2, late=True)
    assert audit.sentences(line(place, signed, rows)) == [
        (
            f"sms border_crossing: dedupe lacks {ONE} from 5 to 9 in "
            "hub.records.NONE/0 (for more than a minute)"
        ),
        (
            "sms border_crossing: batches 3 to 4 of a lane were signed and are not in "
            f"{ONE} (on the way)"
        ),
        "sms border_crossing: 2 rows too many (for more than a minute)",
    ]
    assert audit.as_line(line(place))["differences"][0]["first"] == 5
    assert audit.as_line(line(ministry="", dataflow="NONE"))["domain"] == "NONE"


def test_a_quiet_line_holds_no_number() -> None:
    """Neither in words nor in the object."""
    late = Difference(where="dedupe", late=True)
    for found, state in (
        (line(late, quiet=True, rows={}), "late"),
        (line(quiet=True), "ok"),
    ):
        said = audit.as_line(found)
        assert said == {
            "ministry": "sms",
            "dataflow": "border_crossing",
            "quiet": True,
            "state": state,
        }
        assert not any(
            letter.isdigit() for text in audit.sentences(found) for letter in text
        )


def test_the_verb_says_the_worst(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Late is exit code 1; what is on its way is no fault."""
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path))
    way = Difference(where="intake", source=ONE, first=1, last=2)
    old = Difference(where="intake", source=ONE, first=1, last=2, late=True)
    for differences, verdict, code in (
        ((), "equal", 0),
        ((way,), "open", 0),
        ((way, old), "late", 1),
    ):
        found = [line(), line(*differences)]
        monkeypatch.setattr(live, "look", lambda *_, found=found: found)
        assert main(["audit", "--live", "--json"]) == code
        assert json.loads(capsys.readouterr().out)["audit"] == verdict
    assert main(["audit", "--workers", "x:1"]) == 2
