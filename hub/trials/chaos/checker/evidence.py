"""What is compared, and what the comparison found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Flow = tuple[str, str]
"""Ministry and dataflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One file that a ministry published.

    Attributes:
        again: Another file with the same rows was published before.
    """

    member: str
    dataflow: str
    path: Path
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where everything is.

    Attributes:
        published: Every file, in order.
        sample: Folder with the sample's truth.
        spools: The ministries' spools, with their receipts.
        catalogue: Folder of the catalogue, as text.
        schemas: Folder of the published Avro schemas.
        bootstrap: Brokers.
        pki: Folder with the subscriber's certificate.
        subscriber: Its id.
        release: Marker of the release to check, hexadecimal.
        tables: What it has to hold.
        year: The year it is about.
    """

    published: Sequence[Published]
    sample: Path
    spools: Sequence[Path]
    catalogue: Path
    schemas: Path
    bootstrap: str
    pki: Path
    subscriber: str
    release: str
    tables: Sequence[str]
    year: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a comparison found; all zero but the first two if all is well.

    Attributes:
        rows: Rows in the published files, each time they were published.
        figures: Figures compared.
        lost: Rows that are missing in receipts or figures, by dataflow.
        doubled: Rows that are there more than once, by dataflow.
        tables: Figures that are not as counted, by table.
        reasons: Rows refused for another reason than the sample's, by dataflow.
        conflicts: Observations that were published twice and differ, or releases whose
            manifest does not fit.
    """

    rows: int
    figures: int
    lost: Mapping[str, int] = field(default_factory=dict)
    doubled: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    conflicts: Sequence[str] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled or different."""
        return not (
            self.lost or self.doubled or self.tables or self.reasons or self.conflicts
        )
