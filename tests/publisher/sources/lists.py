"""Passenger lists for tests: the three kinds that the guide works through, our own way.

Built from segments, so that each test breaks one thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hub.core.catalogue.model import Catalogue
from hub.edge.files import read_catalogue
from hub.publisher import mapping
from hub.publisher.sources import paxlst
from hub.publisher.sources.rows import Chunk, Reading

ROOT = Path(__file__).resolve().parents[3]

Rows = list[dict[str, Any]]


@cache
def read_catalogue_once() -> Catalogue:
    """The catalogue, where a fixture would be shown with every example."""
    return read_catalogue()


def person(
    role: str = "FL", sex: str | None = "F", way: tuple[str, str] = ("IST", "ASB")
) -> list[str]:
    """The segments of one person, with everything the guide allows."""
    return [
        f"NAD+{role}+++ORAZOWA:MAISA:GURBANOWNA+1 EXAMPLE STREET+ASHGABAT++744000+TKM",
        *([] if sex is None else [f"ATT+2++{sex}"]),
        "DTM+329:900412",
        "MEA+CT++:2",
        "GEI+4+173",
        "FTX+BAG+++T5012345:2",
        "LOC+22+ASB",
        "LOC+174+TKM",
        *([f"LOC+178+{way[0]}"] if way[0] else []),
        *([f"LOC+179+{way[1]}"] if way[1] else []),
        "NAT+2+TKM",
        "RFF+AVF:QWERTY",
        "RFF+ABO:T5-0001",
        "RFF+SEA:12A",
        "DOC+P:110:111+A1234567",
        "DTM+36:301231",
        "LOC+91+TKM",
    ]


ONE_LEG = (
    "TDT+20+T5702+++T5",
    "LOC+125+IST",
    "DTM+189:2503042130:201",
    "LOC+87+ASB",
    "DTM+232:2503050310:201",
)
PROGRESSIVE = (
    "TDT+20+TK322+++TK",
    "LOC+92+FRA",
    "DTM+189:2503041100:201",
    "LOC+92+IST",
    "DTM+232:2503041500:201",
    "TDT+20+TK322+++TK",
    "LOC+125+IST",
    "DTM+189:2503041700:201",
    "LOC+87+ASB",
    "DTM+232:2503042250:201",
    "TDT+20+TK322+++TK",
    "LOC+92+ASB",
    "DTM+189:2503050030:201",
    "LOC+92+MYP",
    "DTM+232:2503050130:201",
)


def message(
    people: Sequence[Sequence[str]],
    *,
    legs: Sequence[str] = ONE_LEG,
    document: str = "745",
    count: str | None = "",
    access: str = "T5702/250304/2130+01:F",
    number: int = 1,
) -> list[str]:
    """A message; its counts are right unless they are given."""
    role = "41" if document == "250" else "42"
    body = [
        f"UNH+PAX{number:03d}+PAXLST:D:12B:UN:IATA+{access}",
        f"BGM+{document}",
        "RFF+TN:T5000123456:::1",
        "NAD+MS+++HANDLING DESK",
        "COM+993 12 000000:TE+993 12 000001:FX",
        *legs,
        *(segment for one in people for segment in one),
        *([] if count is None else [f"CNT+{role}:{count or len(people)}"]),
    ]
    return [*body, f"UNT+{len(body) + 1}+PAX{number:03d}"]


def interchange(*messages: Sequence[str], end: str = "'") -> str:
    """An interchange with its group."""
    segments = [
        "UNB+UNOA:4+T5+SMSTM+250304:1800+000000001++APIS",
        "UNG+PAXLST+T5:ZZ+SMSTM:ZZ+250304:1800+1+UN+D:12B",
        *(segment for one in messages for segment in one),
        f"UNE+{len(messages)}+1",
        "UNZ+1+000000001",
    ]
    return f"UNA:+.? {end}" + "".join(segment + end for segment in segments)


def opened(path: Path) -> Reading:
    """A file of lists with the mapping of the examples."""
    flow = read_catalogue_once().dataflows["passenger_flow"]
    text = (ROOT / "docs/examples/paxlst.toml").read_text("utf-8")
    return paxlst.read(path, flow, mapping.load(text, "paxlst.toml", flow))


def taken(path: Path, content: str | bytes) -> tuple[Rows, list[Chunk], Reading]:
    """Rows, chunks and the reading of a file with this content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    reading = opened(path)
    chunks = list(reading.chunks)
    rows = [row for chunk in chunks for row in chunk.frame.to_dicts()]
    return rows, chunks, reading


def kinds(reading: Reading) -> dict[str, int]:
    """Deviations by kind, without what a good list has too."""
    found: dict[str, int] = {}
    for (kind, _), number in reading.deviations.items():
        if kind != "reservation_data_left_out":
            found[kind] = found.get(kind, 0) + number
    return found
