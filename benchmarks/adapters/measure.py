"""Prints the figures of the adapters: rows a second and peak memory.

Rules:

- Inputs are made first, from a seed, in a folder that is removed afterwards.
- Each adapter reads in a process of its own, so that its peak memory is its own; the
  clock runs from opening the file to the last row as a frame of the provider schema.
- Rows are counted and compared with what was written; a wrong count ends the run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import xlsxwriter

from hub.edge.files import read_catalogue
from hub.publisher import mapping
from hub.publisher.sources import edifact, files

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
HEADER = (
    *("record_id", "doc_state", "doc_no", "family_name", "given_name", "birth_date"),
    *("sex", "sex_source", "citizenship", "event_date", "direction", "checkpoint"),
    *("velayat", "transport", "purpose", "prev_or_next_country", "residence_right"),
)
MB = 1 << 20


def rows(number: int) -> list[str]:
    """One border crossing; names repeat as they do, numbers do not."""
    dice = random.Random(SEED * 1_000_003 + number)  # noqa: S311 - sample data
    born = date(1950, 1, 1) + timedelta(days=dice.randrange(20_000))
    day = date(2025, 1, 1) + timedelta(days=dice.randrange(365))
    first = ("LOLA", "MAISA", "MERET", "AYNA", "SERGEY")[dice.randrange(5)]
    family = f"KARIMOVA{dice.randrange(2_000)}"
    number_text = f"P{dice.randrange(10**40):040d}"  # a workbook of 100 MB
    head = [f"R-{number}", "UZB", number_text, family, first, born.isoformat()]
    sex = "FM"[dice.randrange(2)]
    tail = ["ENTRY", "ROAD_FARAP", "TM-L", "ROAD", "FAMILY", "UZB", "NONE"]
    return [*head, sex, "DOC", "UZB", day.isoformat(), *tail]


def make_csv(path: Path, megabytes: int) -> int:
    """A CSV file of this size; returns its rows."""
    block = [",".join(rows(number)) for number in range(20_000)]
    made = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write(",".join(HEADER) + "\n")
        while stream.tell() < megabytes * MB:
            stream.writelines(
                f"R-{made + n}{line[line.index(',') :]}\n"
                for n, line in enumerate(block)
            )
            made += len(block)
    return made


def make_xlsx(path: Path, megabytes: int) -> int:
    """A workbook of about this size, dates as dates, written row by row."""
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet("Data")
    shown = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, HEADER)
    dates = {HEADER.index("birth_date"), HEADER.index("event_date")}
    made = 0
    while made * 100 < megabytes * MB and made < 1_048_575:
        made += 1
        for column, value in enumerate(rows(made)):
            if column in dates:
                sheet.write_datetime(made, column, date.fromisoformat(value), shown)
            else:
                sheet.write_string(made, column, value)
    book.close()
    return made


def make_jsonl(path: Path, megabytes: int) -> int:
    """JSON Lines of this size."""
    made = 0
    with path.open("w", encoding="utf-8") as stream:
        while stream.tell() < megabytes * MB:
            stream.write(json.dumps(dict(zip(HEADER, rows(made), strict=True))) + "\n")
            made += 1
    return made


def make_paxlst(path: Path, megabytes: int) -> int:
    """Passenger lists of 180 persons, seventeen segments each; returns the lists."""
    person = (
        "NAD+FL+++ORAZOWA{n}:MAISA+1 EXAMPLE STREET+ASHGABAT++744000+TKM'ATT+2++{s}'"
        "DTM+329:900412'MEA+CT++:2'GEI+4+173'FTX+BAG+++T5012345:2'LOC+22+ASB'"
        "LOC+174+TKM'LOC+178+IST'LOC+179+ASB'NAT+2+TKM'RFF+AVF:QWERTY'"
        "RFF+ABO:T5-{n}'RFF+SEA:12A'DOC+P:110:111+A{n:07d}'DTM+36:301231'LOC+91+TKM'"
    )
    made = 0
    with path.open("w", encoding="ascii") as stream:
        stream.write("UNA:+.? 'UNB+UNOA:4+T5+SMS+250304:1800+1'")
        while stream.tell() < megabytes * MB:
            made += 1
            day = date(2025, 1, 1) + timedelta(days=made % 365)
            stream.write(
                f"UNH+{made}+PAXLST:D:12B:UN:IATA'BGM+745'NAD+MS+++DESK'"
                f"TDT+20+T5{made % 9_999 + 1}+++T5'LOC+125+IST'"
                f"DTM+189:{day:%y%m%d}2130:201'LOC+87+ASB'DTM+232:{day:%y%m%d}2330:201'"
            )
            stream.writelines(person.format(n=n, s="FM"[n % 2]) for n in range(180))
            stream.write(f"CNT+42:180'UNT+{180 * 17 + 10}+{made}'")
        stream.write("UNZ+1+1'")
    return made


MAKERS: dict[str, Callable[[Path, int], int]] = {
    "csv": make_csv,
    "xlsx": make_xlsx,
    "jsonl": make_jsonl,
    "paxlst": make_paxlst,
}


def read(form: str, path: Path) -> None:
    """Read a file, in this process, and print what it took."""
    catalogue = read_catalogue()
    flow = catalogue.dataflows["border_crossing"]
    known = None
    if form == "paxlst":
        flow = catalogue.dataflows["passenger_flow"]
        text = (ROOT / "docs/examples/paxlst.toml").read_text("utf-8")
        known = mapping.load(text, "paxlst.toml", flow)
    started, used = time.perf_counter(), time.process_time()
    found = refused = 0
    for chunk in files.read(path, flow, known).chunks:
        found += chunk.frame.height
        refused += len(chunk.rejected)
    print(json.dumps(_took(found, refused, started, used)))


def read_openpyxl(path: Path) -> None:
    """The same workbook with openpyxl's own reader, values only."""
    started, used = time.perf_counter(), time.process_time()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    found = sum(1 for _ in sheet.iter_rows(values_only=True)) - 1
    print(json.dumps(_took(found, 0, started, used)))


def read_segments(path: Path) -> None:
    """The segments of the lists alone."""
    started, used = time.perf_counter(), time.process_time()
    with path.open("rb") as stream:
        found = sum(1 for _ in edifact.segments(stream))
    print(json.dumps(_took(found, 0, started, used)))


def _took(found: int, refused: int, started: float, used: float) -> dict[str, float]:
    return {
        "rows": found,
        "refused": refused,
        "seconds": round(time.perf_counter() - started, 2),
        "cpu": round(time.process_time() - used, 2),
    }


def measure(words: list[str]) -> dict[str, float]:
    """One child; what it said, with its peak memory."""
    child = subprocess.Popen(
        [sys.executable, __file__, "--read", *words], stdout=subprocess.PIPE, text=True
    )
    said = json.loads(child.stdout.read()) if child.stdout else {}
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return said | {"peak_mb": usage.ru_maxrss >> 10}


def main() -> int:
    """Make, read, print, remove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", nargs=2, metavar=("FORM", "FILE"))
    parser.add_argument("--folder", type=Path, help="where there is room")
    parser.add_argument("--csv", type=int, default=1_000, metavar="MB")
    parser.add_argument("--xlsx", type=int, default=100, metavar="MB")
    parser.add_argument("--jsonl", type=int, default=200, metavar="MB")
    parser.add_argument("--paxlst", type=int, default=200, metavar="MB")
    parser.add_argument("--openpyxl", action="store_true", help="its reader too")
    args = parser.parse_args()
    if args.read is not None:
        form, path = args.read[0], Path(args.read[1])
        special = {"openpyxl": read_openpyxl, "segments": read_segments}
        special[form](path) if form in special else read(form, path)
        return 0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for form, maker in MAKERS.items():
            path = Path(folder) / f"a.{form}"
            wanted = maker(path, getattr(args, form))
            size = path.stat().st_size / MB
            also = ["segments"] if form == "paxlst" else []
            if form == "xlsx" and args.openpyxl:
                also = ["openpyxl"]
            for one in [form, *also]:
                said = measure([one, str(path)])
                if one != "segments" and said["rows"] != wanted:
                    print(f"{one}: {said['rows']} rows, {wanted} were written")
                    return 1
                fast, cheap = (said["rows"] / said[name] for name in ("seconds", "cpu"))
                print(
                    f"{one:9} {size:6.0f} MB {said['rows']:>10,.0f} "
                    f"{said['seconds']:7.1f} s {fast:>9,.0f}/s {cheap:>9,.0f}/CPU s "
                    f"peak {said['peak_mb']:4.0f} MB load {os.getloadavg()[0]:.0f}",
                    flush=True,
                )
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
