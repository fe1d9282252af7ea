"""``kerwen query``: one indicator table by sex, as people read tables.

Rules:

- A row is area × dimensions × period; its columns are women, men, other or unknown,
  total. Women come first and always have their own column.
- ``c`` is a figure that is suppressed, ``:`` one that is missing; neither is a zero.
- The newest release of each figure is shown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.cli.output import Output
from hub.cli.subscribe import MEMBER, moment_of, reader
from hub.client import latest, observations
from hub.client.figures import chosen
from hub.core import codelists, period
from hub.core.catalogue.model import Catalogue, Table, Text
from hub.core.codelists import AREA, PUBLISHED_SEX, SEX, TOTAL
from hub.core.errors import InvalidError
from hub.core.flat import row_of
from hub.core.observation import Observation
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

ROWS_MAX = 40
"""Rows printed unless ``--all`` is given."""

LANGUAGES = ("en", "ru", "tk")
SUPPRESSED, MISSING = "c", ":"
_MARKS = {"Q": SUPPRESSED, "O": MISSING}

Place = tuple[str, tuple[str, ...], str]
"""Area, dimensions, period."""

_WORDS = {
    "area": Text(en="area", ru="территория", tk="çäk"),
    "period": Text(en="period", ru="период", tk="döwür"),
    "P": Text(en="provisional", ru="предварительные", tk="deslapky"),
    "R": Text(en="revised", ru="пересмотренные", tk="gözden geçirilen"),
    "F": Text(en="final", ru="окончательные", tk="jemleýji"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Texts of one table in one language."""

    language: str
    areas: Mapping[str, Text]
    sexes: Mapping[str, Text]
    dimensions: Sequence[Mapping[str, Text]]

    @classmethod
    def of(cls, catalogue: Catalogue, table: Table, language: str) -> Labels:
        """The texts that rows of `table` need."""
        return cls(
            language=language,
            areas=catalogue.codelists[AREA].codes,
            sexes=catalogue.codelists[SEX].codes,
            dimensions=[
                codelists.published(catalogue, one) for one in table.dimensions
            ],
        )

    def say(self, texts: Mapping[str, Text], code: str) -> str:
        """The label of a code; the code itself where there is none."""
        text = texts.get(code)
        return code if text is None else str(getattr(text, self.language))

    def row(self, place: Place) -> tuple[str, ...]:
        """Labels at the head of a row."""
        area, codes, label = place
        named = zip(self.dimensions, codes, strict=True)
        return (
            self.say(self.areas, area),
            *(self.say(texts, code) for texts, code in named),
            label,
        )


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("table", help="e.g. PRM_NEW; see: kerwen catalogue list")
    parser.add_argument(
        "--member", default=MEMBER, help=f"who reads (default: {MEMBER})"
    )
    parser.add_argument("--period", help="only this period and those inside it")
    parser.add_argument(
        "--as-of", metavar="MOMENT", help="as it was then: 2026-01-31T12:00:00Z"
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="en")
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"every row (default: {ROWS_MAX} at most, only those with a figure)",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Print it; an error where nothing was released yet."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    reader(catalogue, args.member)
    [table] = chosen(catalogue, [args.table])
    wanted = None if args.period is None else period.parse(args.period)
    read = observations(
        settings,
        args.member,
        [table.id],
        catalogue=catalogue,
        as_of_ms=moment_of(args.as_of),
    )
    found = [
        one
        for one in latest(read)
        if wanted is None or wanted.contains(period.parse(one.period))
    ]
    if not found:
        raise InvalidError(
            f"{table.id}: nothing is released{f' of {wanted}' if wanted else ''}; "
            "`kerwen release --period 2025` closes a period"
        )
    if out.as_json:
        out.result(_content(table, found))
    else:
        _print(table, found, Labels.of(catalogue, table, args.lang), out, all_=args.all)
    return 0


def show(settings: Settings, catalogue: Catalogue, name: str, out: Output) -> None:
    """Print the newest figures of a table, in English, as the demo does."""
    [table] = chosen(catalogue, [name])
    read = observations(settings, MEMBER, [table.id], catalogue=catalogue)
    _print(table, latest(read), Labels.of(catalogue, table, "en"), out)


def _content(table: Table, found: Sequence[Observation]) -> dict[str, Any]:
    marks = Counter(one.status for one in found)
    return {
        "table": table.id,
        "title": table.title.en,
        "unit": table.unit,
        "suppressed": marks["Q"],
        "missing": marks["O"],
        "observations": [row_of(table, one) for one in found],
    }


def _print(
    table: Table,
    found: Sequence[Observation],
    labels: Labels,
    out: Output,
    *,
    all_: bool = False,
) -> None:
    rows = grid(found, labels)
    telling = [place for place in rows if all_ or worth_showing(rows[place])]
    shown = list(telling or rows)
    if not all_:
        shown = shown[:ROWS_MAX]
    language = labels.language
    sexes = [sex for sex in PUBLISHED_SEX if any(sex in row for row in rows.values())]
    areas = {area for area, _, _ in rows}
    heads = [
        getattr(_WORDS["area"], language),
        *(one.id for one in table.dimensions),
        getattr(_WORDS["period"], language),
    ]
    title = f"{table.id}: {getattr(table.title, language)} ({table.unit})"
    skip = 0
    if len(areas) == 1:  # one area is a title, not a column
        skip = 1
        title = f"{title}, {labels.say(labels.areas, areas.pop())}"
    figures = [labels.say(labels.sexes, sex) for sex in sexes]
    out.table(
        title,
        (*heads[skip:], *figures),
        [
            (*labels.row(p)[skip:], *(mark(rows[p].get(sex)) for sex in sexes))
            for p in shown
        ],
        right=figures,
    )
    out.say(notes(found, language))
    if len(shown) < len(rows):
        out.say(f"{len(shown)} of {len(rows)} rows; --all shows them all")


def grid(
    found: Sequence[Observation], labels: Labels
) -> dict[Place, dict[str, Observation]]:
    """Observations by row and sex; totals first, then the order of the codelists."""
    ranks = [
        {code: rank for rank, code in enumerate(texts)} | {TOTAL: -1}
        for texts in labels.dimensions
    ]
    areas = {code: rank for rank, code in enumerate(labels.areas)}
    rows: dict[Place, dict[str, Observation]] = {}
    for one in found:
        place = (one.area, one.dimensions, one.period)
        rows.setdefault(place, {})[one.sex] = one

    def order(place: Place) -> tuple[object, ...]:
        area, codes, label = place
        known = zip(ranks, codes, strict=True)
        return (
            areas.get(area, len(areas)),
            [rank.get(code, len(rank)) for rank, code in known],
            label,
        )

    return {place: rows[place] for place in sorted(rows, key=order)}


def worth_showing(row: Mapping[str, Observation]) -> bool:
    """Whether a row says more than that there was nobody, or that nothing is said."""
    return any(one.value for one in row.values())


def mark(one: Observation | None) -> str:
    """A figure, or the mark that stands for it."""
    if one is None:
        return ""
    if one.value is None:
        return _MARKS.get(one.status, MISSING)
    text = f"{one.value:,.10g}"
    return f"{text} {one.status.lower()}" if one.status in "DB" else text


def notes(found: Sequence[Observation], language: str = "en") -> str:
    """The line below a table: vintages, release time, suppressed and missing."""
    marks = Counter(one.status for one in found)
    vintages = dict.fromkeys(one.vintage for one in found)
    newest = max(one.released_ms for one in found)
    when = datetime.fromtimestamp(newest / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    named = ", ".join(
        f"{one} ({getattr(_WORDS[one], language)})" for one in sorted(vintages)
    )
    return (
        f"vintage {named}, released {when}; "
        f"{marks['Q']:,} suppressed ({SUPPRESSED}), {marks['O']:,} missing ({MISSING})"
    )
