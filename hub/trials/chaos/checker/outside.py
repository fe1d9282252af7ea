"""What came out: receipts in the ministries' spools, and a subscriber's topics.

Rules:

- Decoded here, with the published schemas and fastavro: receipts and manifests are
  single-object encoded, observations have Confluent framing.
- An observation or manifest may stand in the log twice, after a crash; then both must
  be the same bytes.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
from kafka import KafkaConsumer, TopicPartition

from hub.trials.chaos.checker.count import Place, Table
from hub.trials.chaos.checker.evidence import Flow
from hub.trials.chaos.checker.truth import Counts

_SINGLE_OBJECT_HEAD = 10
_CONFLUENT_HEAD = 5
_SILENCE_POLLS_MAX = 30
VINTAGES = "indicators.vintages"


@dataclass(slots=True)
class Seen:
    """What a subscriber has.

    Attributes:
        values: By table and place, of the release that is checked.
        observations: How many there are, by table and release.
        promised: How many the manifests say, by table and release.
        conflicts: What stands there twice and differs.
    """

    values: dict[str, dict[Place, float]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    observations: Counter[tuple[str, str]] = field(default_factory=Counter)
    promised: dict[tuple[str, str], int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)


def receipts(spools: Iterable[Path], schemas: Path) -> dict[Flow, Counts]:
    """Rows that final receipts say were accepted and refused."""
    schema = _schema(schemas, "receipt")
    found: dict[Flow, Counts] = {}
    for path in spools:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT dataflow, receipt FROM batches "
                "WHERE kind = 'records' AND state = 'final'"
            ).fetchall()
        for dataflow, value in rows:
            counts = found.setdefault((path.stem, dataflow), Counts())
            receipt = _record(value[_SINGLE_OBJECT_HEAD:], schema)
            counts.accepted += receipt["accepted"]
            for refusal in receipt["refused"]:
                counts.refused[refusal["reason"]] += refusal["rows"]
    return found


def subscribe(
    bootstrap: str, pki: Path, member: str, tables: Sequence[Table]
) -> Iterator[tuple[str, bytes]]:
    """Topic and value of everything a member can read about these tables."""
    certificate = str(pki / f"{member}.pem")
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        security_protocol="SSL",
        ssl_cafile=str(pki / "ca.pem"),
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    topics = [VINTAGES, *(f"indicators.{table.id}" for table in tables)]
    places = [TopicPartition(topic, 0) for topic in topics]
    try:
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        silent = 0
        while any(consumer.position(place) < ends[place] for place in places):
            news = consumer.poll(timeout_ms=1_000)
            silent = 0 if news else silent + 1
            if silent > _SILENCE_POLLS_MAX:
                raise TimeoutError("the brokers do not give what they have")
            for place, records in news.items():
                for record in records:
                    if record.value:
                        yield place.topic, record.value
    finally:
        consumer.close()


def read(
    messages: Iterable[tuple[str, bytes]],
    schemas: Path,
    tables: Sequence[Table],
    release: str,
) -> Seen:
    """Decode what a subscriber has."""
    seen = Seen()
    vintage = _schema(schemas, "vintage")
    known = {f"indicators.{table.id}": table for table in tables}
    layouts = {topic: _layout(table) for topic, table in known.items()}
    once: dict[tuple[str, str, Place], bytes] = {}
    for topic, value in messages:
        if topic == VINTAGES:
            _manifest(_record(value[_SINGLE_OBJECT_HEAD:], vintage), seen)
            continue
        table = known[topic]
        one = _record(value[_CONFLUENT_HEAD:], layouts[topic])
        place = Place(
            one["TIME_PERIOD"],
            one["REF_AREA"],
            one["SEX"],
            tuple(one[name] for name in table.dimensions),
        )
        name = (table.id, one["RELEASE"], place)
        if name in once:
            if once[name] != value:
                seen.conflicts.append(f"{table.id}: two figures for one place")
            continue
        once[name] = value
        seen.observations[table.id, one["RELEASE"]] += 1
        if one["RELEASE"] == release and one["OBS_VALUE"] is not None:
            seen.values[table.id][place] = one["OBS_VALUE"]
    return seen


def _manifest(one: dict[str, Any], seen: Seen) -> None:
    name = (one["table"], one["marker"].hex())
    if seen.promised.setdefault(name, one["observations"]) != one["observations"]:
        seen.conflicts.append(f"{one['table']}: two manifests for one release")


def _layout(table: Table) -> Any:
    """The record of an observation: a series key, a period, a value, and its marks."""
    before = ["FREQ", "REF_AREA", "SEX", *table.dimensions, "TIME_PERIOD"]
    after = ["OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "VINTAGE", "RELEASE"]
    fields = [
        *({"name": name, "type": "string"} for name in before),
        {"name": "OBS_VALUE", "type": ["null", "double"]},
        *({"name": name, "type": "string"} for name in after),
        {"name": "RELEASED_MS", "type": "long"},
        {"name": "RESIDENCE_RULE", "type": ["null", "string"]},
    ]
    record = {"type": "record", "name": table.id, "fields": fields}
    return fastavro.parse_schema(record)


def _schema(schemas: Path, name: str) -> Any:
    path = schemas / "public" / f"{name}.v1.avsc"
    return fastavro.parse_schema(json.loads(path.read_text("utf-8")))


def _record(body: bytes, schema: Any) -> dict[str, Any]:
    stream = io.BytesIO(body)
    record: Any = fastavro.schemaless_reader(stream, schema, None)
    if stream.read(1):
        raise ValueError("bytes are left after a record")
    return dict(record)
