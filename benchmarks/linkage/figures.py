"""Prints the figures of README.md: who is found to be one person, and at what cost.

Rules:

- FEBRL files are read through docs/examples/febrl.toml, as a publisher reads them.
- Everything runs with the exact composites alone, with all, and with all and
  :data:`LOOSE`; FEBRL once more with a key set that uses the suburb (address.toml).
- The sample's rows are those that intake accepts, of the five linked dataflows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hub.core import persons
from hub.core.catalogue.linkage import FILE, read_linkage
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.identity import hashing, keys
from hub.core.identity.composites import Linkage
from hub.core.identity.forms import with_number_forms
from hub.edge.files import catalogue_folder, read_catalogue
from hub.trials import demo, febrl
from hub.trials.sample import papers, population
from hub.trials.sample.write import write

SECRET = febrl.SECRET
HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "docs" / "examples" / "febrl.toml"
EXACT = 4
LOOSE = (["family", "birth_day"], ["given", "birth_day"])
"""What FEBRL has no twins and no six million people to be punished for."""

COUNTRY = 6_000_000
SHOWN = 300_000
DAY = 20_000
"""Days since 1970: a day in 2024."""
BLOCK = (
    *("personal_no", "doc_state", "doc_no", "family_name", "given_name"),
    *("patronymic", "birth_date", "sex", "citizenship"),
)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=20_000, help="of the sample")
    args = parser.parse_args()
    catalogue = read_catalogue()
    everything = catalogue.linkage[Domain.MOBILITY]
    with tempfile.TemporaryDirectory() as name:
        files = febrl.fetch(Path(name) / "febrl")
        rows = sample(Path(name) / "sample", catalogue, args.persons)
        exact = replace(everything, composites=everything.composites[:EXACT])
        for how in (exact, everything, with_loose(1), with_loose(2)):
            print(f"\n{len(how.composites)} composites")
            strangers(files, catalogue, how, EXAMPLE)
            own(rows, how)
        addressed = with_address()
        print(f"\n{len(addressed.composites)} composites with the suburb")
        strangers(files, catalogue, addressed, HERE / "febrl-address.toml")
    alike(with_loose(2))


def with_loose(count: int) -> Linkage:
    """The catalogue's key set and the first `count` of :data:`LOOSE`."""
    parsed = tomllib.loads((catalogue_folder() / FILE).read_text())
    composites = parsed["MOBILITY"]["composites"]
    composites += [
        {"tier": 100 + place, "components": components}
        for place, components in enumerate(LOOSE[:count])
    ]
    return read_linkage(parsed)[Domain.MOBILITY]


def with_address() -> Linkage:
    """The key set of address.toml, read as the catalogue's is."""
    shipped = tomllib.loads((catalogue_folder() / FILE).read_text())
    own = tomllib.loads((HERE / "address.toml").read_text())
    return read_linkage(shipped | own)[Domain.MOBILITY]


def strangers(
    files: dict[str, Path], catalogue: Catalogue, how: Linkage, mapping: Path
) -> None:
    """FEBRL."""
    flow = catalogue.dataflows[febrl.DATAFLOW]
    known = febrl.mapping(mapping, catalogue)
    for name, records, pairs in febrl.linkage(files, flow, known, how):
        print(f"{name:24} {records:6,} records", said(pairs))


def said(pairs: febrl.Pairs) -> str:
    """Pairs as a line."""
    return (
        f"true {pairs.true:,} right {pairs.right:,} wrong {pairs.found - pairs.right:,}"
        f" P {pairs.precision:.5f} R {pairs.recall:.5f} F1 {pairs.f1:.5f}"
    )


def sample(folder: Path, catalogue: Catalogue, size: int) -> pl.DataFrame:
    """Block P of the sample's accepted rows, with the true person."""
    write(folder, catalogue, persons=size)
    found = []
    for file in demo.manifest(folder)["files"]:
        if catalogue.dataflows[file["dataflow"]].person != "P" or file["again"]:
            continue
        truth = pl.read_parquet(folder / "truth" / f"{file['dataflow']}.parquet")
        mine = truth.filter(pl.col("file") == file["path"])
        rows = pl.read_csv(folder / file["path"], infer_schema=False)
        good = rows.with_columns(mine["person"], mine["fate"]).filter(
            ~pl.col("fate").str.contains(":")
        )
        have = [pl.col(n) for n in BLOCK if n in good.columns]
        none = [pl.lit(None, pl.String).alias(n) for n in BLOCK if n not in rows]
        found.append(
            good.select(
                *have,
                *none,
                "person",
                record(file["member"], file["dataflow"], pl.col("record_id")),
            )
            .with_columns(pl.col("birth_date").str.to_date("%Y-%m-%d", strict=False))
            .select(*BLOCK, "person", "record")
        )
    how = catalogue.linkage[Domain.MOBILITY]
    return with_number_forms(pl.concat(found), how.placeholders)


def record(member: str, dataflow: str, record_id: pl.Expr) -> pl.Expr:
    """A record key, made as intake does."""
    parts = [pl.lit(member), pl.lit(dataflow), record_id]
    return hashing.keyed(SECRET, "record", parts).alias("record")


def own(rows: pl.DataFrame, how: Linkage) -> None:
    """The sample against its truth, all and by sex, and what making keys costs."""
    began = time.process_time()
    known = keys.with_keys(rows, how, SECRET)
    seconds = time.process_time() - began
    whose = persons.components(dict(known.select("sig", "keys").unique().iter_rows()))
    # A record id that carries the number is what `febrl.pairs` reads.
    judged = known.select(
        pl.format("rec-{}-org", "person").alias("record_id"),
        pl.Series("person", [whose[sig] for sig in known["sig"]], dtype=pl.Binary),
        "sex",
    )
    print(f"{'sample':24} {rows.height:6,} records", said(febrl.pairs(judged)))
    for sex in ("F", "M"):
        print(f"{'  ' + sex:39}", said(febrl.pairs(judged.filter(sex=sex))))
    size = known["keys"].bin.size().sum() / rows.height
    print(f"keys: {rows.height / seconds:,.0f} rows a CPU second, {size:.0f} bytes")


def alike(how: Linkage) -> None:
    """For every composite: other persons with one's own key, in a whole country."""
    people = population.make(7, SHOWN, 2025, 1)
    who = np.arange(SHOWN)
    rng = np.random.default_rng(1)
    block = papers.show(people, who, np.full(SHOWN, DAY), papers.PERMITS, rng)
    shown = pl.DataFrame(block).with_columns(pl.Series("record", who))
    shown = with_number_forms(
        shown.with_columns(
            pl.col("birth_date").cast(pl.Date),
            record("sms", febrl.DATAFLOW, pl.col("record")),
        ),
        how.placeholders,
    )
    made = keys.with_keys(shown, how, SECRET)["keys"].to_list()
    entries = pl.Series([e for one in made for e in persons.entries_of(one)])
    shared = entries.value_counts(name="rows").rename({entries.name: "entry"})
    for composite in how.composites:
        tier = shared.filter(pl.col("entry").bin.starts_with(bytes([composite.tier])))
        others = int((tier["rows"].cast(pl.Int64) * (tier["rows"] - 1)).sum()) / SHOWN
        print(f"{others * COUNTRY / SHOWN:.4f} {composite.tier} {composite.text}")


if __name__ == "__main__":
    main()
