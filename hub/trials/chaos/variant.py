"""The catalogue of a chaos trial: published figures that can be counted exactly.

Rules:

- It is a copy of the catalogue in force; agents, path and code are the same.
- Noise has the least variance that a policy may have (one cell in a million is off by
  one), nothing is held back, and nothing is hidden but zero. Noise cannot be switched
  off where a table counts persons' rows, and must not be.
- Its vintages may be released again: a trial closes one month many times.
- Tables of events are put under these policies. A dataflow of which no table counts
  all rows gets one more, by two of its codes. So each row of a sample year stands in a
  figure, and no figure can be read more often than a catalogue allows.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from hub.core.catalogue.model import (
    Catalogue,
    Dataflow,
    Domain,
    Field,
    Kind,
    Measure,
    Role,
)
from hub.edge.files import catalogue_folder, read_catalogue

PREFIX = "ROWS_"
_LEAST = {"D": "1", "V": "1e-6", "js": "0", "hold": "1", "threshold": "1"}
_CODES_MAX = 40
"""A dimension with more codes would make a table of mostly empty cells."""

_TABLE = """\
id = "{id}"
measure = "events"
dataflow = "{flow}"
time = "{time}"
frequency = "{frequency}"
{sex}
unit = "NUMBER"
policy = "{policy}"
custodian = "{custodian}"
references = []

[title]
{texts}
[definition]
{texts}
[population_base]
{texts}
"""
_DIMENSION = """
[[dimensions]]
id = "{id}"
field = "{field}"
"""


def make(folder: Path, source: Path | None = None) -> Catalogue:
    """Write the catalogue of a trial to `folder`, which must not exist; read it back.

    Args:
        folder: Where to.
        source: The catalogue to vary; None: the one in force.
    """
    before = read_catalogue(source)
    shutil.copytree(catalogue_folder(source), folder)
    for path in (folder / "policies").glob("[CT].toml"):
        path.write_text(_quieted(path.read_text("utf-8")), "utf-8")
    dates = folder / "calendar.toml"
    dates.write_text(f'repeated = ["*"]\n{dates.read_text("utf-8")}', "utf-8")
    for path in (folder / "tables").glob("*.toml"):
        text = path.read_text("utf-8")
        if 'measure = "events"' in text:
            exact = re.sub(r'^policy = "E"$', 'policy = "C"', text, flags=re.MULTILINE)
            path.write_text(exact, "utf-8")
    for member in before.members.values():
        for name in member.provides:
            flow = before.dataflows[name]
            if not _is_counted(before, flow):
                path = folder / "tables" / f"{table_of(flow)}.toml"
                path.write_text(_rows_of(before, flow, member.id), "utf-8")
    return read_catalogue(folder)


def table_of(flow: Dataflow) -> str:
    """Id of the table that counts a dataflow's rows."""
    return PREFIX + flow.id.upper()


def _is_counted(catalogue: Catalogue, flow: Dataflow) -> bool:
    """Whether a published table has every row of the dataflow in it."""
    return any(
        table.dataflow == flow.id
        and table.measure is Measure.EVENTS
        and table.time == flow.event_date
        and not (table.internal or table.where or table.columns or table.delay_days)
        and all(one.field and not one.flags for one in table.dimensions)
        and table.policy in ("C", "E", "N")
        for table in catalogue.tables.values()
    )


def _quieted(policy: str) -> str:
    for name, value in _LEAST.items():
        policy = re.sub(
            rf"^{name} = .*$", f"{name} = {value}", policy, flags=re.MULTILINE
        )
    return policy


def _rows_of(catalogue: Catalogue, flow: Dataflow, custodian: str) -> str:
    """The table of a dataflow's rows."""
    fields = {field.name: field for field in flow.fields}
    policy = "C"
    if flow.quiet:
        policy = "T"
    elif flow.domain is Domain.NONE:
        policy = "N"
    text = f'"Rows of {flow.id}, counted in a trial"'
    # A sensitive table shows every place there can be: few are enough.
    codes = _codes(catalogue, flow)[: 1 if flow.quiet else 2]
    content = _TABLE.format(
        id=table_of(flow),
        flow=flow.id,
        time=flow.event_date,
        frequency="A" if flow.quiet else flow.declare,
        # A small figure by sex would hide its neighbours.
        sex="" if "sex" in fields and not flow.quiet else "sex = false",
        policy=policy,
        custodian=custodian,
        texts="".join(f"{language} = {text}\n" for language in ("en", "ru", "tk")),
    )
    return content + "".join(
        _DIMENSION.format(id=field.name.upper(), field=field.name) for field in codes
    )


def _codes(catalogue: Catalogue, flow: Dataflow) -> list[Field]:
    """Fields that can stand beside sex and area, those with most codes first."""
    found = {}
    for field in flow.fields:
        if field.kind is not Kind.CODE or field.role is not Role.DIMENSION:
            continue
        codes = len(catalogue.codelists[str(field.codelist)].codes)
        taken = "sex" in field.name or field.name in ("velayat", "area")
        if field.required and codes <= _CODES_MAX and not taken:
            found[field.name] = (-codes, field)
    return [field for _, field in sorted(found.values(), key=lambda one: one[0])]
