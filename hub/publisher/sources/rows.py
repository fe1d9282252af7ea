"""What every source hands over: frames of the provider schema, and what it refused.

Rules (docs/data-path.md, publisher):

- A source reads a piece at a time; memory does not grow with the file.
- No row vanishes. A row is in a frame, or it is a :class:`Rejected` that says where it
  stands, what is wrong and how to mend it, never what the value was.
- A source refuses only what it cannot read as the field's kind. Whether a code, a date
  or a number is plausible is intake's to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from hub.publisher.mapping import Mapping

Numbers = npt.NDArray[np.int64]

ROW = "(row)"
"""Column of a refusal that is about the whole row."""
STAMP = "\x01"
"""Before a date that was typed in its source: only ISO 8601 reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One row refused at the source.

    Attributes:
        row: As a spreadsheet counts: the header is row 1.
        line: As a text editor counts; differs from `row` after quoted line breaks.
        column: Name in the file, or ``(row)`` for the whole row.
    """

    row: int
    line: int
    column: str
    what: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """Rows of a file as text, one string column a file column, before the mapping.

    Attributes:
        stamped: Dates may bear the ``STAMP``.
    """

    frame: pl.DataFrame = field(repr=False)
    rows: Numbers = field(repr=False)
    lines: Numbers = field(repr=False)
    rejected: tuple[Rejected, ...] = ()
    stamped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows of the provider schema, in file order.

    Attributes:
        frame: Columns and types of the dataflow's provider schema. A source without
            them leaves `revision` and `action` null: the spool fills them.
        rows: Row number in the file of each row of `frame`.
        rejected: Rows of this piece that are not in `frame`.
        emptied: Values set to null because the mapping said so, by field.
    """

    frame: pl.DataFrame = field(repr=False)
    rows: Numbers = field(repr=False)
    rejected: tuple[Rejected, ...] = ()
    emptied: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person declared about a file; None is found out or in the mapping.

    Attributes:
        form: One of :data:`hub.publisher.sources.files.FORMS`.
        sheet: Of a workbook.
    """

    form: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a source was read.

    Attributes:
        mapping: Name of the mapping, empty for the one by field names.
    """

    encoding: str = ""
    delimiter: str = ""
    columns: tuple[str, ...]
    mapping: str
    form: str = "csv"
    sheet: str = ""

    def words(self) -> tuple[str, ...]:
        """What, beside content and mapping, makes two readings different."""
        if self.form == "csv":
            return self.encoding, self.delimiter
        return self.form, self.encoding, self.sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A source that was opened and whose columns fit.

    Attributes:
        chunks: Its rows, once; reading ends with the source closed.
        deviations: Filled while reading: how often what was read was not as its
            standard says, by kind and by whose it is (a carrier).
        notes: Filled when it was opened: what a person should know, in sentences.
    """

    dialect: Dialect
    mapping: Mapping = field(repr=False)
    chunks: Iterator[Chunk] = field(repr=False)
    deviations: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
