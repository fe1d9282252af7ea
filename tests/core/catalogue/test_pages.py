"""The reference pages are those of the catalogue."""

from __future__ import annotations

from pathlib import Path

from hub.core.catalogue.pages import pages
from hub.edge.files import read_catalogue

ROOT = Path(__file__).resolve().parents[3]


def test_reference_pages_are_up_to_date() -> None:
    """What is in docs/reference is what `make docs` writes."""
    for name, text in pages(read_catalogue()).items():
        written = (ROOT / "docs" / "reference" / name).read_text("utf-8")

        assert written == text, f"{name}: run `make docs`"
