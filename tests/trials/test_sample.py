"""The sample: reproducible, valid, and true to what it says of itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.identity.forms import number_forms
from hub.core.period import parse
from hub.core.validate import checks_of, validate
from hub.edge.files import read_catalogue
from hub.publisher.sources import csv
from hub.trials.sample import border, broken, papers, population
from hub.trials.sample.names import tables
from hub.trials.sample.pools import POOLS
from hub.trials.sample.spelling import spell
from hub.trials.sample.write import Truth, write

PERSONS = 3_000
NOW_MS = 1_770_000_000_000


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the checkout."""
    return read_catalogue()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Truth:
    """A small sample."""
    folder = tmp_path_factory.mktemp("sample")
    return write(folder, catalogue, persons=PERSONS)


def truth(sample: Truth) -> Any:
    """Content of the truth file."""
    return json.loads((sample.folder / "truth.json").read_text())


def fates(sample: Truth, dataflow: str) -> pl.DataFrame:
    """Truth of every row of a dataflow."""
    return pl.read_parquet(sample.folder / "truth" / f"{dataflow}.parquet")


def digest(folder: Path) -> str:
    """Digest over every text file of a sample."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.csv")) + sorted(folder.rglob("*.json")):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def test_the_same_seed_gives_the_same_bytes(
    sample: Truth, tmp_path: Path, catalogue: Catalogue
) -> None:
    """Two runs are equal, another seed is another country."""
    write(tmp_path / "same", catalogue, persons=PERSONS)
    write(tmp_path / "other", catalogue, persons=300, seed=8)
    write(tmp_path / "third", catalogue, persons=300, seed=9)

    assert digest(sample.folder) == digest(tmp_path / "same")
    assert digest(tmp_path / "other") != digest(tmp_path / "third")


def test_a_default_year_has_a_hundred_thousand_records(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """The size the demo promises."""
    made = write(tmp_path, catalogue)

    assert made.persons == 20_000
    assert made.records >= 100_000


def test_two_years_follow_each_other(tmp_path: Path, catalogue: Catalogue) -> None:
    """More years mean more files, declarations and rows of the same people."""
    made = write(tmp_path, catalogue, persons=300, years=2, first_year=2024)

    names = {one.path for one in made.files}
    assert {
        "sms/border_crossing-2024-01.csv",
        "sms/border_crossing-2025-12.csv",
    } <= names
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert {parse(d["period"]).start.year for d in manifest["declarations"]} == {
        2024,
        2025,
    }


def test_intake_says_what_the_truth_says(sample: Truth, catalogue: Catalogue) -> None:
    """Every good row passes, every broken one fails for the reason it was given."""
    for one in sample.files:
        if one.again:
            continue
        flow = catalogue.dataflows[one.dataflow]
        told = fates(sample, one.dataflow).filter(pl.col("file") == one.path)
        chunks = list(csv.read(sample.folder / one.path, flow).chunks)
        frame = pl.concat(chunk.frame for chunk in chunks).with_columns(
            origin_offset=pl.lit(1), clock_ms=pl.lit(NOW_MS)
        )
        numbers = np.concatenate([chunk.rows for chunk in chunks]) - 2
        refused = {
            int(row.row) - 2: broken.SOURCE for c in chunks for row in c.rejected
        }
        _, bad = validate(frame, flow, checks_of(flow, catalogue.codelists))
        refused |= {int(numbers[row.row]): row.reason.value for row in bad}
        expected = {
            place: fate.split(":")[1]
            for place, fate in enumerate(told["fate"])
            if ":" in fate
        }

        assert expected == refused, one.path


def test_rows_are_broken_in_ten_ways(sample: Truth) -> None:
    """All ten kinds appear, in about one row of two hundred."""
    told = fates(sample, "border_crossing")
    wrong = told.filter(pl.col("fate").str.contains(":"))
    every = pl.concat(
        pl.read_parquet(path) for path in (sample.folder / "truth").glob("*.parquet")
    )
    kinds = {fate.split(":")[0] for fate in every["fate"] if ":" in fate}

    assert len(kinds) == 10
    assert 0.002 < wrong.height / told.height < 0.01


def test_counts_add_up(sample: Truth) -> None:
    """Published = accepted + duplicates + quarantined, and accepted by its outcomes."""
    for one in truth(sample)["expected"]:
        quarantined = sum(one["quarantined"].values())
        assert one["published"] == one["accepted"] + one["duplicates"] + quarantined
        outcomes = ("unique", "same", "amendments", "cancellations", "replays")
        assert one["accepted"] == sum(one[name] for name in outcomes)
    duplicates = sum(one["duplicates"] for one in truth(sample)["expected"])
    replays = sum(one["replays"] for one in truth(sample)["expected"])
    assert duplicates > 0
    assert replays > 0


def test_expected_cells_are_the_final_rows(sample: Truth) -> None:
    """Border events by direction are the good rows without the cancelled ones."""
    table = truth(sample)["tables"]["XNG_EVT"]
    counted = sum(row[table["columns"].index("n")] for row in table["rows"])
    told = fates(sample, "border_crossing")
    good = told.filter(pl.col("fate") == "good").height
    cancelled = told.filter(pl.col("fate") == "cancel").height

    assert counted == good - cancelled


def test_people_are_known_to_several_ministries(sample: Truth) -> None:
    """One person crosses, holds a permit, works, studies; the truth says who."""
    flows = ("border_crossing", "residence_permit", "labour_migration")
    seen = [set(fates(sample, flow)["person"].to_list()) for flow in flows]

    assert len(seen[0] & seen[1]) > PERSONS * 0.1
    assert len(seen[0] & seen[2]) > PERSONS * 0.05


def test_women_are_in_every_flow(sample: Truth, catalogue: Catalogue) -> None:
    """Men lead in labour and transport; women are a real part of every file."""
    shares: dict[str, list[float]] = {}
    for one in sample.files:
        if "sex" not in {
            field.name for field in catalogue.dataflows[one.dataflow].fields
        }:
            continue
        if one.dataflow == "denominator" or one.rows < 100:
            continue
        sex = pl.read_csv(sample.folder / one.path, infer_schema=False)["sex"]
        shares.setdefault(one.dataflow, []).append(
            float((sex.to_numpy() == "F").mean())
        )

    assert len(shares) >= 7
    assert min(min(found) for found in shares.values()) > 0.2
    assert np.mean(shares["labour_migration"]) < 0.45
    assert 0.4 < sample.women < 0.5


def test_no_number_looks_like_a_placeholder(catalogue: Catalogue) -> None:
    """Such a number tells nobody from another; a copy of its row would count twice."""
    who = np.arange(2_000_000)
    none = catalogue.linkage[Domain.MOBILITY].placeholders
    made = [
        papers.personal_numbers(who),
        papers.document_numbers(who),
        papers.document_numbers(who + population.DOCUMENTS // 2),
    ]

    assert [number_forms(numbers, none).null_count() for numbers in made] == [0, 0, 0]
    assert [numbers.n_unique() for numbers in made] == [who.size] * 3


def test_crossings_alternate() -> None:
    """A person who left comes back before leaving again."""
    people = population.make(7, PERSONS, 2025, 1)
    made = border.make(people, 7)
    # Stable: within a day, in the order in which the crossings stand.
    order = np.argsort(made.who, kind="stable")
    who, entry = made.who[order], made.entry[order]
    same = who[1:] == who[:-1]

    assert (entry[1:] != entry[:-1])[same].all()


def test_every_area_sex_and_age_has_a_denominator(sample: Truth) -> None:
    """Population by velayat, sex and age, so that rates can be made."""
    rows = pl.read_csv(
        sample.folder / "stat" / "denominator-2025.csv", infer_schema=False
    )
    people = rows.filter(kind="POP_MIDYEAR")

    assert people["area"].n_unique() == 6
    assert set(people["sex"]) == {"F", "M"}
    assert (people["value"].cast(pl.Int64) > 0).all()


def test_names_are_spelled_as_papers_spell_them() -> None:
    """The pairs that the reference table of Turkmen spelling gives."""
    assert spell("Garajaýew", "turkmen") == (
        "Garajaýew",
        "Гараҗаев",
        "Гараджаев",
        "GARAJAYEW",
        "GARADZHAEV",
    )
    assert spell("Ýegennazar", "turkmen")[1] == "Егенназар"
    assert spell("Щербаков", "russian")[4] == "SHCHERBAKOV"
    assert spell("Öztürk", "turkish")[3] == "OEZTUERK"


def test_no_name_is_empty_in_any_spelling() -> None:
    """Every name of every culture can be shown in every form."""
    made = tables()

    assert len(POOLS) == 7
    for one in (made.men, made.women, made.families_men, made.families_women):
        assert one.forms.null_count() == 0
        assert (one.forms.str.len_chars() >= 2).all()
