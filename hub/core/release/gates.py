"""Period declarations: a gap is marked missing, never a fall in migration.

Rules (docs/data-path.md, "Release"; design: statistics):

- A table's period counts as delivered if every member that provides its dataflow, or
  one it joins, has declared every period of the dataflow's own frequency inside it, or
  the one around it; likewise each further period that the figure rests on.
- What closes stays is not waited for: a closing that comes later is a correction.
- One member that has not declared makes the period missing, for all its places.
- A provider that a signed skip left out of the cut counts as one that has not declared.
- Declarations themselves are not gated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hub.core.catalogue.model import Catalogue, Dataflow, Table
from hub.core.cells import Cell
from hub.core.cut import DECLARED, rests_on
from hub.core.disclosure.figures import Place
from hub.core.indicators.plan import AREA_TOTAL, TOTAL
from hub.core.period import PER_YEAR, parse

Declarations = Mapping[str, Mapping[Place, Cell]]
"""Table DECLARED… → its cells by place."""


def delivered(
    catalogue: Catalogue,
    table: Table,
    period: str,
    declarations: Declarations,
    vintage: str = "P",
    *,
    absent: Collection[tuple[str, str]] = (),
) -> bool:
    """Whether a table with a dataflow is complete for a period, in a vintage."""
    flows = [catalogue.dataflows[str(table.dataflow)]]
    if flows[0].reserved:
        return True
    if table.joined is not None:
        flows.append(catalogue.dataflows[table.joined.dataflow])
    return all(
        (member.id, flow.id) not in absent
        and _declared(flow, member.id, label, table.frequency, declarations)
        for label in rests_on(table, period, vintage)
        for flow in flows
        for member in catalogue.members.values()
        if flow.id in member.provides
    )


def _declared(
    flow: Dataflow,
    member: str,
    period: str,
    frequency: str,
    declarations: Declarations,
) -> bool:
    due = max(1, PER_YEAR[flow.declare] // PER_YEAR[frequency])
    if PER_YEAR[flow.declare] < PER_YEAR[frequency]:
        frequency = flow.declare
        period = str(parse(period).at(frequency))
    place = Place(period=period, area=AREA_TOTAL, sex=TOTAL, d1=member, d2=flow.id)
    cell = declarations.get(DECLARED[frequency], {}).get(place)
    return cell is not None and cell.n >= due
