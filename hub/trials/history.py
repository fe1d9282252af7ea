"""Several sample years through the whole hub: each is released, revised and audited.

Rules (docs/catalogue.md, "Residence"):

- All years are published first, then closed in turn: each provisionally, and, where the
  year after it is there, once more as revised.
- A table that shows no value in any cut is *silent*, and named. In a small sample one
  may be, because protection hides it; the audit then still compares its cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.client import observations, wait_for
from hub.core.access import a_reader
from hub.core.catalogue.model import Catalogue
from hub.core.observation import Observation
from hub.edge import control
from hub.edge.settings import Settings
from hub.trials import audit, demo
from hub.trials.demo import Tell
from hub.trials.sample.write import write

LAST_YEAR = 2025
WAIT_SECONDS_MAX = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What several years came to.

    Attributes:
        audits: One for each cut, in order.
        figures: Everything that was published.
    """

    published: demo.Published
    audits: tuple[audit.Audit, ...]
    figures: tuple[Observation, ...] = field(repr=False)

    @property
    def verdict(self) -> str:
        """``equal`` if every cut is."""
        same = all(one.verdict == "equal" for one in self.audits)
        return "equal" if same else "different"

    def silent(self, catalogue: Catalogue) -> list[str]:
        """Published tables without a value in any cut."""
        said = {one.table for one in self.figures if one.value is not None}
        return [
            table.id
            for table in catalogue.tables.values()
            if not table.internal and table.id not in said
        ]

    def as_json(self, catalogue: Catalogue) -> dict[str, Any]:
        """The outcome as one object."""
        return {
            "published": self.published.published,
            "seconds_publishing": round(self.published.seconds, 1),
            "cuts": [
                {
                    "period": one.close.period,
                    "vintage": one.close.vintage,
                    "cells": one.cells,
                    "audit": one.verdict,
                }
                for one in self.audits
            ],
            "tables": sum(not one.internal for one in catalogue.tables.values()),
            "observations": len(self.figures),
            "silent": self.silent(catalogue),
            "audit": self.verdict,
        }


def run(
    settings: Settings,
    catalogue: Catalogue,
    *,
    persons: int,
    years: int,
    wanted: Iterable[tuple[str, str]] = (),
    tell: Tell = lambda _: None,
) -> History:
    """Publish the years before and with 2025, release them, audit each cut.

    Args:
        settings: Of a hub that runs.
        catalogue: What is declared.
        persons: Size of the population.
        years: How many years.
        wanted: Period and vintage of the cuts; empty: all of them.
        tell: Progress.
    """
    first = LAST_YEAR + 1 - years
    folder: Path = settings.home.root / "sample"
    write(folder, catalogue, persons=persons, years=years, first_year=first)
    published = demo.publish(settings, catalogue, folder)
    tell(f"published {published.published} rows in {published.seconds:.0f} s")
    cuts = list(wanted) or [
        *((str(year), "P") for year in range(first, LAST_YEAR + 1)),
        *((str(year), "R") for year in range(first, LAST_YEAR)),
    ]
    reader = a_reader(catalogue)
    audits = []
    for period, vintage in cuts:
        marker = control.close(settings, catalogue, period=period, vintage=vintage)
        wait_for(settings, reader, marker.marker, marker.tables, WAIT_SECONDS_MAX)
        audits.append(audit.audit(settings, catalogue, marker.marker))
        tell(f"{period} {vintage}: {audits[-1].cells} cells {audits[-1].verdict}")
    shown = [one.id for one in catalogue.tables.values() if not one.internal]
    figures = observations(settings, reader, shown, catalogue=catalogue)
    return History(published=published, audits=tuple(audits), figures=tuple(figures))
