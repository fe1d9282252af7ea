"""The catalogue of a chaos trial: published figures that can be counted exactly.

Rules:

- It is a copy of the catalogue in force; agents, path and code are the same.
- Noise has the least variance that a policy may have (one cell in a million is off by
  one), nothing is held back, and nothing is hidden but zero. Noise cannot be switched
  off where a table counts persons' rows, and must not be.
- Tables of events are put under these policies. One more is made for every dataflow
  that a ministry provides: its rows, by two of its codes. So each row of a sample year
  stands in a figure.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from hub.core.catalogue.model import Catalogue, Dataflow, Domain, Field, Kind, Role
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
{area}
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
    for path in (folder / "tables").glob("*.toml"):
        text = path.read_text("utf-8")
        if 'measure = "events"' in text:
            exact = re.sub(r'^policy = "E"$', 'policy = "C"', text, flags=re.MULTILINE)
            path.write_text(exact, "utf-8")
    for member in before.members.values():
        for name in member.provides:
            flow = before.dataflows[name]
            content = _rows_of(before, flow, member.id)
            (folder / "tables" / f"{table_of(flow)}.toml").write_text(content, "utf-8")
    return read_catalogue(folder)


def table_of(flow: Dataflow) -> str:
    """Id of the table that counts a dataflow's rows."""
    return PREFIX + flow.id.upper()


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
    codes = list(_codes(catalogue, flow))[: 1 if flow.quiet else 2]
    area = fields.get("velayat")
    shown = area is not None and area.required and not flow.quiet
    content = _TABLE.format(
        id=table_of(flow),
        flow=flow.id,
        time=flow.event_date,
        frequency="A" if flow.quiet else flow.declare,
        # A small figure by sex would hide its neighbours.
        sex="" if "sex" in fields and not flow.quiet else "sex = false",
        area='area = "velayat"' if shown else "",
        policy=policy,
        custodian=custodian,
        texts="".join(f"{language} = {text}\n" for language in ("en", "ru", "tk")),
    )
    return content + "".join(
        _DIMENSION.format(id=field.name.upper(), field=field.name) for field in codes
    )


def _codes(catalogue: Catalogue, flow: Dataflow) -> Iterator[Field]:
    """Fields that can stand beside sex and area."""
    for field in flow.fields:
        if field.kind is not Kind.CODE or field.role is not Role.DIMENSION:
            continue
        small = len(catalogue.codelists[str(field.codelist)].codes) <= _CODES_MAX
        taken = "sex" in field.name or field.name in ("velayat", "area")
        if field.required and small and not taken:
            yield field
