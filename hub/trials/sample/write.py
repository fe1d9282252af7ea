"""The sample on disk: files of every ministry, what to publish, and the truth.

Layout of the folder::

    <member>/<dataflow>-<label>.csv    header = the provider schema's field names
    manifest.json                      files in publish order, then declarations
    truth.json                         expected counts and cells
    truth/<dataflow>.parquet           the person and the fate of every row

Rules:

- The same arguments give the same bytes.
- `resend`: the sealed batches of the file are to be sent twice (duplicates). `again`:
  the file stands in the manifest a second time, to be published anew (replays).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hub.core import period
from hub.core.catalogue.model import Catalogue, Dataflow
from hub.trials.sample import oracle, parts, population, versions
from hub.trials.sample.broken import SOURCE
from hub.trials.sample.parts import PROVIDERS, Part

RESENT = ("border_crossing", 3)
"""The file, by place among those of its dataflow, whose batches are sent twice."""
AGAIN = ("labour_migration", 1)
"""The file that is published anew."""
LAST = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file to publish.

    Attributes:
        path: Relative to the sample's folder.
        rows: Rows under the header.
        quiet: Counts of this file are not for showing.
    """

    member: str
    dataflow: str
    path: str
    rows: int
    resend: bool = False
    again: bool = False
    quiet: bool = False


@dataclass(slots=True, kw_only=True)
class Expected:
    """What publishing everything must come to, for one member and dataflow.

    Attributes:
        published: Rows in batches, each time they are sent.
        duplicates: Rows of batches sent twice.
        rejected: Rows refused at the source.
        unique: Rows that are new records, natural duplicates apart.
        same: Natural duplicates.
    """

    published: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    unique: int = 0
    same: int = 0
    amendments: int = 0
    cancellations: int = 0
    replays: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A summary of a sample.

    Attributes:
        records: Good records, each counted once.
        women: Share of women among persons with a known sex.
        expected: By member and dataflow.
    """

    folder: Path
    persons: int
    rows: int
    records: int
    women: float
    files: tuple[File, ...] = field(repr=False)
    expected: Mapping[tuple[str, str], Expected] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class _Writer:
    """Collects files and the truth while parts go by."""

    folder: Path
    catalogue: Catalogue
    files: list[tuple[int, File]] = field(default_factory=list)
    expected: dict[tuple[str, str], Expected] = field(
        default_factory=lambda: defaultdict(Expected)
    )
    held: dict[tuple[str, str, str], list[pl.DataFrame]] = field(
        default_factory=lambda: defaultdict(list)
    )
    seen: dict[str, list[pl.DataFrame]] = field(
        default_factory=lambda: defaultdict(list)
    )
    cells: dict[str, list[pl.DataFrame]] = field(
        default_factory=lambda: defaultdict(list)
    )
    places: Counter[str] = field(default_factory=Counter)
    records: int = 0

    def take(self, part: Part, seed: int) -> None:
        """Spoil a part, write its file, remember the rest for later."""
        flow = self.catalogue.dataflows[part.dataflow]
        rng = population.generator(seed, f"spoil/{part.dataflow}/{part.label}")
        rows = versions.complete(part.rows, flow)
        follow = None
        if part.follow is not None and part.follow.height:
            follow = versions.complete(part.follow, flow)
        made = versions.spoil(rows, follow, flow, rng)
        self.records += made.final.height
        for table, cells in oracle.cells(self.catalogue, flow, made.final).items():
            self.cells[table].append(cells)
        place = self.places[flow.id]
        self.places[flow.id] += 1
        for member, mine in self._members(flow, made.main):
            self._file(flow, member, part.label, mine, order=part.order, place=place)
        for name, later in (("late", made.late), ("corrections", made.corrections)):
            for member, mine in self._members(flow, later):
                self.held[flow.id, member, name].append(mine)

    def rest(self) -> None:
        """Write late rows, then corrections, after everything else."""
        for (flow, member, name), frames in self.held.items():
            order = LAST + (name == "corrections")
            whole = pl.concat(frames)
            self._file(self.catalogue.dataflows[flow], member, name, whole, order=order)

    def _members(
        self, flow: Dataflow, rows: pl.DataFrame
    ) -> list[tuple[str, pl.DataFrame]]:
        """Rows by the member who sends them."""
        if not rows.height:
            return []
        if "_member" not in rows.columns:
            return [(PROVIDERS[flow.id], rows)]
        cut = rows.partition_by("_member", as_dict=True, maintain_order=True)
        return [(str(member), mine) for (member,), mine in sorted(cut.items())]

    def _file(
        self,
        flow: Dataflow,
        member: str,
        label: str,
        rows: pl.DataFrame,
        *,
        order: int,
        place: int = -1,
    ) -> None:
        path = self.folder / member / f"{flow.id}-{label}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.select(one.name for one in flow.fields).write_csv(path)
        again = (flow.id, place) == AGAIN
        entry = File(
            member=member,
            dataflow=flow.id,
            path=path.relative_to(self.folder).as_posix(),
            rows=rows.height,
            resend=(flow.id, place) == RESENT,
            quiet=flow.quiet,
        )
        self.files.append((order, entry))
        if again:
            twice = asdict(entry) | {"again": True}
            self.files.append((LAST + 2, File(**twice)))
        self._expect(entry, rows, again=again)
        self.seen[flow.id].append(
            rows.select(
                pl.lit(member).alias("member"),
                pl.lit(entry.path).alias("file"),
                *("record_id", "revision", "action"),
                pl.col("_person").cast(pl.Int64).alias("person"),
                pl.col("_fate").alias("fate"),
            )
        )

    def _expect(self, entry: File, rows: pl.DataFrame, *, again: bool) -> None:
        """Count what must become of the rows of a file."""
        total = self.expected[entry.member, entry.dataflow]
        fates = dict(sorted(rows["_fate"].value_counts().iter_rows()))
        rejected = sum(n for fate, n in fates.items() if fate.endswith(":" + SOURCE))
        wrong = {fate: n for fate, n in fates.items() if ":" in fate}
        refused = sum(wrong.values()) - rejected
        copies = 1 + again
        sealed = rows.height - rejected
        accepted = sealed - refused
        total.rejected += rejected * copies
        total.published += sealed * (copies + entry.resend)
        total.duplicates += sealed * entry.resend
        total.accepted += accepted * copies
        for fate, count in wrong.items():
            reason = fate.split(":")[1]
            if reason != SOURCE:
                before = total.quarantined.get(reason, 0)
                total.quarantined[reason] = before + count * copies
        total.unique += fates.get("good", 0)
        total.same += fates.get("duplicate", 0)
        total.amendments += fates.get("amend", 0)
        total.cancellations += fates.get("cancel", 0)
        total.replays += accepted * again


def write(
    folder: Path,
    catalogue: Catalogue,
    *,
    persons: int = 20_000,
    years: int = 1,
    first_year: int = 2025,
    seed: int = 7,
) -> Truth:
    """Write a sample; see the module's own words for what is where.

    Args:
        folder: Made if it is not there; files of an earlier sample are overwritten.
        catalogue: Which dataflows to write, and their fields, codes and tables.
        persons: Size of the population; rows grow with it, about six for each a year.
        years: How many years from `first_year` on.
        first_year: The first year.
        seed: Another seed, another country.
    """
    people = population.make(seed, persons, first_year, years)
    writer = _Writer(folder=folder, catalogue=catalogue)
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts.every(people, catalogue, seed):
        writer.take(part, seed)
    writer.rest()
    files = tuple(
        one for _, one in sorted(writer.files, key=lambda pair: (pair[0], pair[1].path))
    )
    known = people.sex[np.isin(people.sex, ["F", "M"])]
    truth = Truth(
        folder=folder,
        persons=persons,
        rows=sum(one.rows for one in files),
        records=writer.records,
        women=float((known == "F").mean()),
        files=files,
        expected=dict(writer.expected),
    )
    _write_truth(writer, truth, seed)
    declared = declarations(catalogue, files, first_year, years)
    manifest = {
        "seed": seed,
        "persons": persons,
        "first_year": first_year,
        "years": years,
        "files": [asdict(one) for one in files],
        "declarations": declared,
    }
    _json(folder / "manifest.json", manifest)
    return truth


def declarations(
    catalogue: Catalogue, files: tuple[File, ...], first_year: int, years: int
) -> list[dict[str, str | bool]]:
    """Every period of every provider and dataflow, complete; nil without a file."""
    sent = {(one.member, one.dataflow) for one in files}
    listed: list[dict[str, str | bool]] = []
    for member in catalogue.members.values():
        for name in member.provides:
            frequency = catalogue.dataflows[name].declare
            label = {"A": "{}", "Q": "{}-Q1", "M": "{}-01"}[frequency].format(
                first_year
            )
            while period.start_date(label).year < first_year + years:
                listed.append(
                    {
                        "member": member.id,
                        "dataflow": name,
                        "period": label,
                        "complete": True,
                        "nil": (member.id, name) not in sent,
                    }
                )
                label = period.following(label)
    return listed


def _write_truth(writer: _Writer, truth: Truth, seed: int) -> None:
    room = truth.folder / "truth"
    room.mkdir(exist_ok=True)
    for flow, frames in writer.seen.items():
        pl.concat(frames).write_parquet(room / f"{flow}.parquet")
    tables = {name: oracle.merge(found) for name, found in writer.cells.items()}
    _json(
        truth.folder / "truth.json",
        {
            "seed": seed,
            "persons": truth.persons,
            "records": truth.records,
            "women": round(truth.women, 4),
            "expected": [
                {"member": member, "dataflow": flow, **asdict(one)}
                for (member, flow), one in truth.expected.items()
            ],
            "tables": {
                name: {
                    "columns": cells.columns,
                    "rows": [list(r) for r in cells.rows()],
                }
                for name, cells in sorted(tables.items())
            },
        },
    )


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
