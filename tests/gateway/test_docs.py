"""What the documents say in Python, run word by word against a gateway."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sdmx.reader.xml.v30  # noqa: F401 - cannot be loaded once that of 2.1 was used

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, section: str) -> list[str]:
    """The Python of a section."""
    text = (DOCS / page).read_text("utf-8").partition(f"\n## {section}\n")[2]
    found = re.findall(r"(?ms)^```python\n(.*?)^```", text.partition("\n## ")[0])
    assert found, f"{page}: nothing in {section}"
    return list(found)


@pytest.mark.parametrize(
    ("page", "section"),
    [("gateway.md", "In Python"), ("notebook.md", "In other tools")],
)
def test_what_is_written_runs(url: str, page: str, section: str) -> None:
    """As it stands there; only the address is given."""
    given: dict[str, Any] = {"GW": url}
    for block in blocks(page, section):
        exec(compile(block, page, "exec"), given)  # noqa: S102 - our own documents
