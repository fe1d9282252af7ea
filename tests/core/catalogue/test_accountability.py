"""Accountability pages: every dataflow is there, and what nothing rests on is named."""

from __future__ import annotations

from dataclasses import replace

from hub.core.catalogue import accountability
from hub.core.catalogue.model import Role
from hub.edge.files import read_catalogue

CATALOGUE = read_catalogue()
FLOWS = [flow for flow in CATALOGUE.dataflows.values() if not flow.reserved]


def test_every_dataflow_is_in_both_pages() -> None:
    """With its ground, its purpose, its retention and who controls it."""
    made = accountability.pages(CATALOGUE)

    for flow in FLOWS:
        part = made["processing.md"].split(f"## {flow.id}\n")[1].split("\n## ")[0]
        assert f"| {flow.id} |" in made["dpia.md"]
        assert flow.purpose.en in part
        assert flow.legal_basis.en in part
        assert f"kept {flow.retention_days} days" in part
        assert "controllers: none" not in part
        assert ("quiet" in part.split("transport:")[1]) == flow.quiet


def test_what_nothing_rests_on_is_named() -> None:
    """A field is idle once its tables are gone, and identifiers never are."""
    flow = CATALOGUE.dataflows["residence_permit"]
    without = replace(
        CATALOGUE,
        tables={
            name: table
            for name, table in CATALOGUE.tables.items()
            if table.dataflow != flow.id
        },
    )

    before = set(accountability.unneeded(CATALOGUE, flow))
    after = set(accountability.unneeded(without, flow))

    assert before < after
    held = {one.name for one in flow.fields if one.role is Role.IDENTIFIER}
    assert not held & after
