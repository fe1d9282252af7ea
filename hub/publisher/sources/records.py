r"""Records out of delimited text: columns of strings, whole records only.

Rules (RFC 4180, as written by spreadsheets):

- A quoted value may hold delimiters, line breaks and doubled quotes. Blanks between a
  delimiter and a value are not part of it.
- A row with another number of values than the header has columns is refused, not
  shifted; so is an empty row, and a row whose quotes do not close.
- Pieces are cut between records. The way is columnar: bytes are classified with numpy
  and parsed by polars; only a piece with stray quotes is walked row by row.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from hub.core.errors import InvalidError
from hub.publisher.sources.rows import ROW, Numbers, Rejected, Strings

RECORD_BYTES_MAX = 1 << 20
"""A record longer than this has a quote that was never closed."""

_QUOTE, _NEWLINE, _BLANK = b'"'[0], b"\n"[0], b" "[0]
_WIDTH = "quote values that contain the delimiter, or add what is missing"
_STRAY = "close the quote, and double quotes inside a quoted value"


@dataclass(slots=True, kw_only=True)
class Reader:
    """Cuts UTF-8 text into records and counts rows and lines as it goes.

    Attributes:
        delimiter: One ASCII character.
        columns: Names of the file's columns, in order.
        row: Number of the next record; the header is row 1.
        line: Line on which the next record starts.
    """

    delimiter: str
    columns: tuple[str, ...]
    row: int
    line: int

    def read(self, pieces: Iterable[bytes]) -> Iterator[Strings]:
        """Records of the text in `pieces`, a piece at a time."""
        rest = b""
        for piece in pieces:
            data = rest + piece
            end = boundary(data)
            # Blank lines wait: at the end of a file they are no rows.
            text = data[:end].rstrip(b"\n ")
            rest = data[len(text) + 1 :] if text else data
            if len(rest) > RECORD_BYTES_MAX + len(piece):
                raise InvalidError(
                    f"line {self.line}: no row ends within {RECORD_BYTES_MAX:,} bytes; "
                    "this is not delimited text, or its line ends are lost"
                )
            if text:
                yield self._cut(text + b"\n")
        rest = rest.rstrip(b"\n ")
        if rest:
            yield self._cut(rest + b"\n")

    def _cut(self, data: bytes) -> Strings:
        """The records of whole lines of text."""
        cells = _classify(data, self.delimiter)
        found = self._slow(data) if cells is None else self._fast(*cells)
        self.line += data.count(b"\n")
        return found

    def _fast(self, data: bytes, ends: Numbers, cuts: Numbers) -> Strings:
        """Well-formed text: numpy finds the rows, polars parses them."""
        widths = np.diff(np.searchsorted(cuts, ends), prepend=0) + 1
        starts = np.concatenate(([0], ends[:-1] + 1))
        breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
        lines = self.line + np.searchsorted(breaks, starts)
        rows = self.row + np.arange(len(ends))
        self.row += len(ends)
        good = widths == len(self.columns)
        kept = _without(data, starts[~good], ends[~good] + 1)
        frame = self._parse(kept, int(good.sum()))
        rejected = tuple(
            self._width(int(row), int(line), int(width), blank=start == end)
            for row, line, width, start, end in zip(
                rows[~good],
                lines[~good],
                widths[~good],
                starts[~good],
                ends[~good],
                strict=True,
            )
        )
        return _dense(frame, rows[good], lines[good], rejected)

    def _parse(self, data: bytes, height: int) -> pl.DataFrame:
        """The columns of well-formed rows; values are stripped, empty ones null."""
        schema = dict.fromkeys(self.columns, pl.String())
        if not height:
            return pl.DataFrame(schema=schema)
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            separator=self.delimiter,
            schema=schema,
            quote_char='"',
            raise_if_empty=True,
        )
        # Held impossible: _classify walked the same bytes by the same rules.
        assert frame.height == height, "the parser and the classifier disagree"  # noqa: S101
        return frame.select(_clean(name) for name in self.columns)

    def _slow(self, data: bytes) -> Strings:
        """Text with stray quotes: record by record, resuming after a broken line."""
        values: list[list[str]] = []
        kept: list[tuple[int, int]] = []
        rejected: list[Rejected] = []
        place, text = 0, data.decode()
        line, row = self.line, self.row
        pattern = _cell(self.delimiter)
        while place < len(text):
            record, after = _record(text, place, pattern)
            if record is None:
                rejected.append(
                    Rejected(
                        row=row,
                        line=line,
                        column=ROW,
                        what="a quote stands inside a value or is not closed",
                        mend=_STRAY,
                    )
                )
            elif len(record) != len(self.columns):
                blank = after == place + 1
                rejected.append(self._width(row, line, len(record), blank=blank))
            else:
                values.append(record)
                kept.append((row, line))
            line += text.count("\n", place, after)
            row += 1
            place = after
        self.row = row
        schema = dict.fromkeys(self.columns, pl.String())
        frame = pl.DataFrame(values, schema=schema, orient="row")
        numbers = np.array(kept, dtype=np.int64).reshape(-1, 2)
        frame = frame.select(_clean(name) for name in self.columns)
        return _dense(frame, numbers[:, 0], numbers[:, 1], tuple(rejected))

    def _width(self, row: int, line: int, width: int, *, blank: bool) -> Rejected:
        """The refusal of a row with the wrong number of values."""
        if blank:
            return _empty(row, line)
        what = f"{width} values for {len(self.columns)} columns"
        return Rejected(row=row, line=line, column=ROW, what=what, mend=_WIDTH)


def boundary(data: bytes) -> int:
    """Where the last whole record of `data` ends, 0 if none does.

    If every line end within ``RECORD_BYTES_MAX`` seems quoted, a quote was never
    closed: then the last line end it is, and the row with the quote is refused.
    """
    last = end = data.rfind(b"\n") + 1
    odd = data.count(b'"', 0, end) % 2
    while odd and end:
        before = data.rfind(b"\n", 0, end - 1) + 1
        odd ^= data.count(b'"', before, end) % 2
        end = before
        if last - end > RECORD_BYTES_MAX:
            return last
    return end


def _classify(data: bytes, delimiter: str) -> tuple[bytes, Numbers, Numbers] | None:
    """Text without leading blanks, the ends of its records, and its delimiters.

    None where a quote stands at a place that RFC 4180 does not give it.
    """
    cut = ord(delimiter)
    if data.startswith(b" ") or delimiter.encode() + b" " in data or b"\n " in data:
        data = _unblanked(data, cut)
    codes = np.frombuffer(data, np.uint8)
    if b'"' not in data:
        return data, np.flatnonzero(codes == _NEWLINE), np.flatnonzero(codes == cut)
    quotes = codes == _QUOTE
    inside = np.bitwise_xor.accumulate(quotes)
    places = np.flatnonzero(quotes)
    if len(places) % 2 or not _paired(codes, places, cut):
        return None
    ends = np.flatnonzero((codes == _NEWLINE) & ~inside)
    return data, ends, np.flatnonzero((codes == cut) & ~inside)


def _paired(codes: np.ndarray, places: Numbers, cut: int) -> bool:
    """Whether quotes open after and close before a delimiter or a line end."""
    opens, closes = places[::2], places[1::2]
    before = np.where(opens > 0, codes[opens - 1], _NEWLINE)
    after = codes[closes + 1]  # the text ends with a line end
    # A doubled quote reads as one that closes and one that opens at once.
    opened = np.isin(before, (cut, _NEWLINE, _QUOTE))
    closed = np.isin(after, (cut, _NEWLINE, _QUOTE))
    fresh = np.isin(before, (cut, _NEWLINE))
    return bool(opened.all() and closed.all() and (not len(fresh) or fresh[0]))


def _unblanked(data: bytes, cut: int) -> bytes:
    """`data` without the blanks that follow a delimiter or line end, outside quotes."""
    codes = np.frombuffer(data, np.uint8)
    blank = codes == _BLANK
    place = np.where(~blank, np.arange(len(codes), dtype=np.int32), -1)
    last = np.maximum.accumulate(place)
    before = np.where(last >= 0, codes[last], _NEWLINE)
    leading = blank & np.isin(before, (cut, _NEWLINE))
    if b'"' in data:
        leading &= ~np.bitwise_xor.accumulate(codes == _QUOTE)
    return bytes(codes[~leading].tobytes())


def _without(data: bytes, starts: Numbers, ends: Numbers) -> bytes:
    """`data` without the stretches from `starts` to `ends`."""
    if not len(starts):
        return data
    kept, place = [], 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        kept.append(data[place:start])
        place = end
    kept.append(data[place:])
    return b"".join(kept)


def _cell(delimiter: str) -> re.Pattern[str]:
    """One value and what ends it."""
    cut = re.escape(delimiter)
    return re.compile(rf'[ ]*(?:"((?:[^"]|"")*)"[ ]*|([^{cut}\n"]*))({cut}|\n|\Z)')


def _record(
    text: str, place: int, pattern: re.Pattern[str]
) -> tuple[list[str] | None, int]:
    """The values of the record at `place` (None: stray quotes) and where it ends."""
    values: list[str] = []
    at = place
    while found := pattern.match(text, at):
        quoted, plain, end = found.groups()
        values.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if end in ("\n", ""):
            return values, at
    return None, (text.find("\n", place) + 1) or len(text)


def _clean(name: str) -> pl.Expr:
    """A column stripped of blanks, with empty values as null."""
    text = pl.col(name).str.strip_chars(" \u00a0\t")
    return pl.when(text != "").then(text).alias(name)


def _empty(row: int, line: int) -> Rejected:
    """The refusal of a row without a value."""
    return Rejected(
        row=row, line=line, column=ROW, what="the row is empty", mend="delete the row"
    )


def _dense(
    frame: pl.DataFrame, rows: Numbers, lines: Numbers, rejected: tuple[Rejected, ...]
) -> Strings:
    """Rows with at least one value; the others join the refusals, in file order."""
    void = frame.select(pl.all_horizontal(pl.all().is_null()).alias("void"))["void"]
    if void.any():
        mask = void.to_numpy()
        empty = [
            _empty(int(row), int(line))
            for row, line in zip(rows[mask], lines[mask], strict=True)
        ]
        rejected = tuple(sorted((*rejected, *empty), key=lambda one: one.row))
        frame, rows, lines = frame.filter(~void), rows[~mask], lines[~mask]
    return Strings(frame=frame, rows=rows, lines=lines, rejected=rejected)
