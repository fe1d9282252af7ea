"""One sample year on real Kafka and real agents, every agent killed on the way."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from hub.cli import taking
from hub.cli.output import Output
from hub.client import latest, observations, wait_for
from hub.core.catalogue.model import Catalogue
from hub.core.observation import Observation
from hub.edge import control
from hub.edge.files import catalogue_folder, read_catalogue
from hub.edge.settings import Home, Settings
from hub.edge.state import Budget, open_state
from hub.embedded.plan import Plan
from hub.embedded.ports import free
from hub.embedded.supervisor import Supervisor
from hub.trials import audit, demo
from hub.trials.sample.write import Truth, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PERSONS = 1_500
NEW = ("PRM_NEW", "STK_BIRTH")
"""Tables that are added after the first cut: of events and of whole persons."""

IDENTIFIERS = (
    "record_id",
    "personal_no",
    "doc_no",
    "family_name",
    "given_name",
    "patronymic",
    "case_ref",
)
LENGTH_MIN = 7  # a shorter name may stand in random bytes by chance
WORD = re.compile(rb"[0-9A-Za-z\x80-\xff-]{%d,}" % LENGTH_MIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What a year came to."""

    settings: Settings
    truth: Truth
    published: demo.Published
    first: audit.Audit
    second: audit.Audit
    notebook: subprocess.CompletedProcess[str]
    pages: dict[str, bytes]
    killed: tuple[str, ...]
    figures: list[Observation]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Year:
    """Publish while agents die, cut twice, audit both, stop the hub."""
    home = Home(root=tmp_path_factory.mktemp("year"))
    declared = home.root / "declared"
    settings = Settings(home=home, catalogue=_without(declared, NEW))
    folder = settings.home.root / "sample"
    truth = write(folder, catalogue, persons=PERSONS, seed=11)
    before = read_catalogue(declared)
    with Supervisor(settings, Plan(), catalogue=before) as hub:
        published = _publish_while_dying(hub, before, folder)
        first = _cut(hub.settings, before, "P")
        for name in NEW:
            shutil.copy(
                catalogue_folder() / "tables" / f"{name}.toml", declared / "tables"
            )
        taking.apply(hub.settings, Output(as_json=True))
        second = _cut(hub.settings, catalogue, "R")
        return Year(
            settings=hub.settings,
            truth=truth,
            published=published,
            first=first,
            second=second,
            notebook=_notebook(hub.settings),
            pages={kept.name: _page(kept.address) for kept in hub.kept},
            killed=tuple(k.name for k in hub.kept if k.restarts),
            figures=_figures(hub.settings, catalogue),
        )


def _without(folder: Path, tables: Sequence[str]) -> Path:
    """A copy of the catalogue without some tables."""
    shutil.copytree(catalogue_folder(), folder)
    for name in tables:
        (folder / "tables" / f"{name}.toml").unlink()
    return folder


def _publish_while_dying(
    hub: Supervisor, catalogue: Catalogue, folder: Path
) -> demo.Published:
    """Kill every agent once with signal 9 while the sample is on its way."""
    done = threading.Event()

    def kill() -> None:
        for kept in hub.kept:
            if done.wait(2.0):
                return
            if kept.pid is not None:
                os.kill(kept.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return demo.publish(hub.settings, catalogue, folder)
    finally:
        killer.join()  # every agent dies, whether publishing was faster or not
        done.set()


def _cut(settings: Settings, catalogue: Catalogue, vintage: str) -> audit.Audit:
    marker = control.close(settings, catalogue, period="2025", vintage=vintage)
    wait_for(settings, "iom", marker.marker, marker.tables, timeout=300)
    return audit.audit(settings, catalogue, marker.marker)


def _notebook(settings: Settings) -> subprocess.CompletedProcess[str]:
    """The example as an analyst runs it, beside a gateway that has read everything."""
    [port] = free(1)
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        **settings.environment(),
        "KERWEN_GATEWAY": url,
    }
    gateway = subprocess.Popen(
        [sys.executable, "-m", "hub.gateway", "--port", str(port)], env=environment
    )
    try:
        for _ in range(300):
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        return subprocess.run(
            [sys.executable, "examples/indicators.py"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        gateway.terminate()
        gateway.wait(20)


def _page(address: str) -> bytes:
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/metrics")
    return connection.getresponse().read()


def _figures(settings: Settings, catalogue: Catalogue) -> list[Observation]:
    read = observations(settings, "iom", ["XNG_EVT"], catalogue=catalogue)
    return list(latest(read))


def test_every_agent_died_and_came_back(year: Year) -> None:
    """The story has the deaths it is about."""
    assert set(year.killed) >= {"intake-0", "dedupe-0", "aggregate-0", "release-0"}


def test_every_cell_is_equal(year: Year) -> None:
    """Agents that were killed counted what one batch over the log counts."""
    assert (year.first.verdict, year.second.verdict) == ("equal", "equal")
    assert year.first.cells > 1_000


def test_a_table_that_came_later_has_its_past(year: Year) -> None:
    """Events and whole persons, counted from the first message on."""
    for name in NEW:
        in_cut = pl.col("table") == name
        assert year.first.recounted.filter(in_cut).is_empty()
        assert year.second.recounted.filter(in_cut).height > 10, name


def test_an_audit_can_fail(year: Year) -> None:
    """One unit more in one recounted cell is found and named."""
    from hub.trials import recount  # noqa: PLC0415 - only this test bends figures

    bent = year.first.recounted.with_row_index().with_columns(
        pl.when(pl.col("index") == 7).then(pl.col("n") + 1).otherwise(pl.col("n"))
    )
    found = recount.compare(bent.drop("index"), year.first.recounted)

    assert not found.equal
    assert found.rows.height == 1


def test_rows_are_conserved(year: Year) -> None:
    """Receipts, the inbound log and the sample's own truth say the same."""
    said = {(flow.ministry, flow.dataflow): flow for flow in year.first.flows}
    both = said.keys() & year.truth.expected.keys()
    assert both
    for place in both:
        flow, wanted = said[place], year.truth.expected[place]
        assert wanted.accepted == flow.accepted, place
        assert wanted.duplicates == flow.duplicates, place
        assert sum(wanted.quarantined.values()) == flow.quarantined, place
    total = year.published
    assert total.published == total.accepted + total.duplicates + total.quarantined
    assert total.published == sum(flow.published for flow in year.first.flows)


def test_simple_tables_equal_the_truth(year: Year, catalogue: Catalogue) -> None:
    """Cells of events and sums are those counted from the population itself."""
    truth = json.loads((year.settings.home.root / "sample/truth.json").read_text())
    counted = {
        (row["table"], row["period"], row["area"], row["sex"], row["d1"], row["d2"]): (
            row["n"],
            row["total"],
        )
        for row in year.second.recounted.iter_rows(named=True)
    }
    compared = 0
    cut = {place[0] for place in counted}
    for name, table in truth["tables"].items():
        if name not in cut:  # a control total; no release is made of it
            assert catalogue.tables[name].internal
            continue
        for period, area, sex, d1, d2, n, total in table["rows"]:
            place = (name, period, area, sex, d1 or "_T", d2 or "_T")
            if sex in {"F", "M"} and period.startswith("2025"):
                assert counted[place] == (n, total), place
                compared += 1
    assert compared > 300


def test_members_see_women(year: Year) -> None:
    """Published figures are divided by sex, and the sexes add up."""
    by_place: dict[tuple[Any, ...], dict[str, float | None]] = {}
    for one in year.figures:
        place = (one.area, one.dimensions, one.period)
        by_place.setdefault(place, {})[one.sex] = one.value
    whole = [
        sexes
        for sexes in by_place.values()
        if all(sexes.get(s) is not None for s in ("F", "M", "_OUN", "_T"))
    ]

    assert whole
    for sexes in whole:
        parts = [sexes[s] for s in ("F", "M", "_OUN")]
        assert sum(p for p in parts if p is not None) == sexes["_T"]


def identifiers(folder: Path) -> set[bytes]:
    """Every direct identifier of the sample, as bytes."""
    found: set[bytes] = set()
    for path in folder.glob("*/*.csv"):
        if path.name.endswith(".rejected.csv"):
            continue
        frame = pl.read_csv(path, infer_schema=False)
        for name in set(IDENTIFIERS) & set(frame.columns):
            texts = frame[name].drop_nulls().unique()
            found |= {t.encode() for t in texts if len(t.encode()) >= LENGTH_MIN}
    return {word for word in found if WORD.fullmatch(word)}


def words(content: bytes) -> set[bytes]:
    """Runs of letters and digits, as an identifier would stand in any format."""
    return set(WORD.findall(content))


def test_the_notebook_runs(year: Year) -> None:
    """With real figures: shares, what is not shown, both vintages, the same on Kafka.

    Nothing is drawn from a figure that is not shown.
    """
    said = year.notebook.stdout

    assert year.notebook.returncode == 0, year.notebook.stderr
    assert year.notebook.stderr == ""
    for vintage in "PR":
        assert re.search(rf"(?m)^FLW_IMM 2025 {vintage}: \d+ figures, signed by", said)
    for words in (
        "Family",
        "figures are suppressed",
        "gaps cannot be told",
        "figures over HTTP are those that the hub signed",
        "shares can be told",
    ):
        assert words in said, words
    assert int(re.findall(r"(\d+) differ now", said)[0]) > 0


def test_no_identifier_in_clear(year: Year) -> None:
    """Broker segments, state, logs and metrics hold no identifier of the sample."""
    home = year.settings.home
    known = identifiers(home.root / "sample")
    segments = list(home.kafka.rglob("*.log"))
    places = {str(p): p.read_bytes() for p in (*segments, *home.logs.glob("*"))}
    places |= year.pages
    for folder in home.state.glob("*/*"):
        if (folder / "CURRENT").exists():
            state = open_state(folder, Budget.of())
            assert state is not None
            entries = [key + b"\0" + value for key, value in state.scan(b"")]
            state.close()
            places[str(folder)] = b"\0".join(entries)

    assert len(known) > PERSONS
    assert sum(map(len, places.values())) > 1_000_000
    leaks = {name: words(content) & known for name, content in places.items()}
    assert {name: sorted(found)[:3] for name, found in leaks.items() if found} == {}


def test_the_search_would_find_them(year: Year) -> None:
    """The same search finds identifiers where they are meant to be."""
    folder = year.settings.home.root / "sample"
    known = identifiers(folder)
    content = b"".join(path.read_bytes() for path in folder.glob("sms/*.csv"))

    assert len(words(content) & known) > 100


def test_metrics_tell_the_way(year: Year) -> None:
    """Every agent shows what it did, in bounded labels."""
    for stage in ("intake", "dedupe", "aggregate", "release"):
        text = year.pages[f"{stage}-0"].decode()
        assert f'stage="{stage}"' in text
        assert "kerwen_chunk_seconds_bucket" in text
    assert "kerwen_rows_total" in year.pages["intake-0"].decode()
