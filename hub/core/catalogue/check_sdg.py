"""Cross checks of what a table says of the SDG indicators.

Rules (docs/catalogue.md, "A table"):

- Series and breakdowns are codes of ``CL_SDG_SERIES`` and ``CL_SDG_BREAKDOWN``, which
  hold their names in three languages.
- Dimensions named are the table's own, and the codes that choose a series are theirs.
"""

from __future__ import annotations

from hub.core import codelists
from hub.core.catalogue.model import Catalogue, Table
from hub.core.catalogue.reading import complain, near

SERIES = "CL_SDG_SERIES"
BREAKDOWN = "CL_SDG_BREAKDOWN"
TOTAL = "_T"


def check_sdg(catalogue: Catalogue, table: Table) -> None:
    """Raises CatalogueError at the first breach."""
    sdg = table.sdg
    if sdg is None:
        return
    file = f"tables/{table.id}.toml"
    known = {one.id: one for one in table.dimensions}
    for key, name in (("sdg.dimension", sdg.dimension), ("sdg.age", sdg.age)):
        if name is not None and name not in known:
            complain(file, key, "a dimension of this table", name, near(name, known))
    codes = [TOTAL]
    if sdg.dimension is not None:
        codes = list(codelists.published(catalogue, known[sdg.dimension]))
    if not sdg.series:
        complain(file, "sdg.series", "at least one series", None, 'add _T = "…"')
    for code, series in sdg.series.items():
        if code not in codes:
            key = f"sdg.series.{code}"
            complain(file, key, "a code that chooses it", code, near(code, codes))
        _coded(catalogue, file, f"sdg.series.{code}", SERIES, series)
    if sdg.composite != TOTAL:
        _coded(catalogue, file, "sdg.composite", BREAKDOWN, sdg.composite)


def _coded(catalogue: Catalogue, file: str, key: str, name: str, code: str) -> None:
    codelist = catalogue.codelists.get(name)
    codes = {} if codelist is None else codelist.codes
    if code not in codes:
        complain(file, key, f"a code of {name}", code, near(code, codes))
