"""Tables in the data structure of the SDG indicators, ``IAEG-SDGs:SDG(1.14)``.

Rules (docs/gateway.md, "SDG indicators"; catalogue, ``[sdg]``):

- The structure is that of the custodians: ids, order, versions and attachment are
  theirs. Codelists hold the codes that we use, and say that they are partial.
- A table says which series it is; a breakdown that the series does not have stays at
  its total; a code that the structure does not have is left out: ``_OUN``, velayats.
- Turkmenistan is ``795``. Values are country data, in units, of the custodian named.
- A figure of another definition than the series' bears OBS_STATUS D, unless it is
  missing or suppressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hub.core import codelists
from hub.core.catalogue.model import Catalogue, Codelist, Table, Text
from hub.core.sdmx.cube import Observation, Series
from hub.core.sdmx.model import (
    MEASURE,
    TIME,
    Artefact,
    Component,
    Flow,
    Kind,
    Level,
    Ref,
    Scheme,
    Structure,
)
from hub.core.sdmx.shelf import CONCEPT_LABELS
from hub.core.sdmx.times import iso

FLOW = Ref(kind=Kind.FLOW, id="DF_SDG")
OWNER, VERSION = "IAEG-SDGs", "1.14"
TOTAL = codelists.TOTAL
HOME = "TM"
_DEFINED = frozenset({"O", "Q"})
_NAME = Text(
    en="Indicators of the Sustainable Development Goals that migration data give",
    ru="Показатели Целей устойчивого развития по данным о миграции",
    tk="Migrasiýa maglumatlary boýunça Durnukly ösüş maksatlarynyň görkezijileri",
)

DIMENSIONS = (
    ("FREQ", "SDMX", "CL_FREQ", "2.0"),
    ("REPORTING_TYPE", OWNER, "CL_REPORTING_TYPE", "1.0"),
    ("SERIES", OWNER, "CL_SERIES", VERSION),
    ("REF_AREA", OWNER, "CL_AREA", VERSION),
    ("SEX", OWNER, "CL_SEX", "1.1"),
    ("AGE", OWNER, "CL_AGE", "1.12"),
    ("URBANISATION", OWNER, "CL_URBANISATION", "1.10"),
    ("INCOME_WEALTH_QUANTILE", OWNER, "CL_QUANTILE", "1.1"),
    ("EDUCATION_LEV", OWNER, "CL_EDUCATION_LEV", "1.10"),
    ("OCCUPATION", OWNER, "CL_OCCUPATION", "1.8"),
    ("CUST_BREAKDOWN", OWNER, "CL_CUST_BREAKDOWN", VERSION),
    ("COMPOSITE_BREAKDOWN", OWNER, "CL_COMP_BREAKDOWN", VERSION),
    ("DISABILITY_STATUS", OWNER, "CL_DISABILITY", "1.0"),
    ("ACTIVITY", OWNER, "CL_ACTIVITY", "1.6"),
    ("PRODUCT", OWNER, "CL_PRODUCT", "1.0"),
)
"""Id, and the codelist: agency, id, version."""

ATTRIBUTES = (
    ("UNIT_MEASURE", Level.SERIES, (OWNER, "CL_UNIT_MEASURE", "1.8"), "", True),
    ("COMMENT_TS", Level.SERIES, None, "String", False),
    ("GEO_INFO_URL", Level.SERIES, None, "String", False),
    ("GEO_INFO_TYPE", Level.SERIES, (OWNER, "CL_GEO_INFO_TYPE", "1.0"), "", False),
    ("CUST_BREAKDOWN_LB", Level.SERIES, None, "String", False),
    ("DATA_LAST_UPDATE", Level.SERIES, None, "DateTime", False),
    ("OBS_STATUS", Level.OBSERVATION, ("SDMX", "CL_OBS_STATUS", "2.1"), "", True),
    ("UNIT_MULT", Level.OBSERVATION, ("SDMX", "CL_UNIT_MULT", "1.1"), "", True),
    ("BASE_PER", Level.OBSERVATION, None, "DateTime", False),
    ("NATURE", Level.OBSERVATION, (OWNER, "CL_NATURE", "1.0"), "", False),
    ("TIME_DETAIL", Level.OBSERVATION, None, "String", False),
    ("COMMENT_OBS", Level.OBSERVATION, None, "String", False),
    ("TIME_COVERAGE", Level.OBSERVATION, None, "DateTime", False),
    ("UPPER_BOUND", Level.OBSERVATION, None, "Double", False),
    ("LOWER_BOUND", Level.OBSERVATION, None, "Double", False),
    ("SOURCE_DETAIL", Level.OBSERVATION, None, "String", False),
)
"""Id, level, codelist, type, mandatory."""


def tables(catalogue: Catalogue) -> list[Table]:
    """The tables that give SDG indicators to everybody."""
    return [
        one
        for one in catalogue.tables.values()
        if one.sdg is not None and not one.internal and one.access == "public"
    ]


def artefacts(catalogue: Catalogue) -> list[Artefact]:
    """The dataflow, its structure, and what they refer to; empty without tables."""
    if not tables(catalogue):
        return []
    codes = _codes(catalogue)
    concepts = Ref(kind=Kind.CONCEPTS, id="SDG_CONCEPTS", agency=OWNER, version="1.0")
    structure = Structure(
        ref=Ref(kind=Kind.STRUCTURE, id="SDG", agency=OWNER, version=VERSION),
        name=_NAME,
        concepts=concepts,
        dimensions=tuple(
            _component(catalogue, id_, Level.KEY, _ref(*where), codes[id_])
            for id_, *where in DIMENSIONS
        ),
        time=_component(
            catalogue, TIME, Level.KEY, None, {}, kind="ObservationalTimePeriod"
        ),
        measure=_component(
            catalogue, MEASURE, Level.OBSERVATION, None, {}, kind="Double"
        ),
        attributes=tuple(
            replace(
                _component(
                    catalogue,
                    id_,
                    level,
                    None if where is None else _ref(*where),
                    codes.get(id_, {}),
                    kind=kind,
                ),
                mandatory=mandatory,
            )
            for id_, level, where, kind, mandatory in ATTRIBUTES
        ),
    )
    flow = Flow(ref=FLOW, name=_NAME, description=_NAME, structure=structure.ref)
    used = {one.id: one.name for one in structure.components}
    schemes = [
        Scheme(ref=one.codelist, name=one.name, items=one.codes, partial=True)
        for one in structure.components
        if one.codelist is not None
    ]
    named = Scheme(ref=concepts, name=_NAME, items=used, partial=True)
    return [flow, structure, *schemes, named]


def series(
    catalogue: Catalogue, table: Table, found: Iterable[Series]
) -> Iterator[Series]:
    """A table's series as the structure of the SDG indicators has them."""
    sdg = table.sdg
    if sdg is None:
        return
    places = {one.id: at for at, one in enumerate(table.dimensions, 3)}
    chooser = None if sdg.dimension is None else places[sdg.dimension]
    aged = None if sdg.age is None else places[sdg.age]
    area = catalogue.codelists[codelists.AREA].notes.get(HOME, {}).get("m49", HOME)
    custodian = catalogue.members.get(table.custodian)
    source = table.custodian if custodian is None else custodian.title.en
    for one in found:
        frequency, place, sex, *rest = one.key
        own = {at for at in (chooser, aged) if at is not None}
        margins = [code for at, code in enumerate(rest, 3) if at not in own]
        name = sdg.series.get(TOTAL if chooser is None else one.key[chooser])
        if name is None or place != HOME or any(code != TOTAL for code in margins):
            continue
        if sex not in {"F", "M", TOTAL} or (sex != TOTAL and not sdg.sex):
            continue
        age = TOTAL if aged is None else one.key[aged]
        head = (frequency, "N", name, area, sex, age)
        key = (*head, *[TOTAL] * 5, sdg.composite, *[TOTAL] * 3)
        yield Series(
            key,
            (one.attributes[0], None, None, None, None, _newest(one)),
            [_observation(o, source, differs=sdg.differs) for o in one.observations],
        )


def _newest(one: Series) -> str | None:
    """When it was last released; without a zone, which not every client reads."""
    moments = [int(o.attributes[4]) for o in one.observations if o.attributes[4]]
    return iso(max(moments)).removesuffix("Z") if moments else None


def _observation(one: Observation, source: str, *, differs: bool) -> Observation:
    status = one.attributes[0]
    if differs and status not in _DEFINED:
        status = "D"
    said = {"OBS_STATUS": status, "UNIT_MULT": "0", "NATURE": "C"}
    said["SOURCE_DETAIL"] = source
    names = [id_ for id_, level, *_ in ATTRIBUTES if level is Level.OBSERVATION]
    return one._replace(attributes=tuple(said.get(name) for name in names))


def _ref(agency: str, id_: str, version: str) -> Ref:
    return Ref(kind=Kind.CODELIST, id=id_, agency=agency, version=version)


def _codes(catalogue: Catalogue) -> Mapping[str, Mapping[str, Text]]:
    """The codes of each component that our tables use."""
    margin = _of(catalogue, codelists.MARGIN)
    total = {TOTAL: margin[TOTAL]} if TOTAL in margin else {}
    ages = dict(total)
    for table in tables(catalogue):
        for one in table.dimensions:
            if table.sdg is not None and one.id == table.sdg.age:
                ages |= codelists.published(catalogue, one)
    areas = catalogue.codelists.get(codelists.AREA)
    sexes = _of(catalogue, codelists.SEX)
    return {
        **{id_: total for id_, *_ in DIMENSIONS},
        "FREQ": _of(catalogue, "CL_FREQ"),
        "REPORTING_TYPE": _of(catalogue, "CL_SDG_REPORTING"),
        "SERIES": _of(catalogue, "CL_SDG_SERIES"),
        "REF_AREA": {} if areas is None else _home(areas),
        "SEX": {code: sexes[code] for code in ("F", "M", TOTAL) if code in sexes},
        "AGE": ages,
        "COMPOSITE_BREAKDOWN": {**_of(catalogue, "CL_SDG_BREAKDOWN"), **total},
        "UNIT_MEASURE": _of(catalogue, "CL_UNIT"),
        "OBS_STATUS": _of(catalogue, "CL_OBS_STATUS"),
        "UNIT_MULT": _of(catalogue, "CL_SDG_UNIT_MULT"),
        "NATURE": _of(catalogue, "CL_SDG_NATURE"),
    }


def _home(areas: Codelist) -> Mapping[str, Text]:
    code = areas.notes.get(HOME, {}).get("m49", HOME)
    return {code: areas.codes[HOME]}


def _of(catalogue: Catalogue, codelist: str) -> Mapping[str, Text]:
    found = catalogue.codelists.get(codelist)
    return {} if found is None else found.codes


def _component(
    catalogue: Catalogue,
    id_: str,
    level: Level,
    codelist: Ref | None,
    codes: Mapping[str, Text],
    *,
    kind: str = "",
) -> Component:
    labels = _of(catalogue, CONCEPT_LABELS)
    return Component(
        id=id_,
        level=level,
        name=labels.get(id_, Text(en=id_, ru=id_, tk=id_)),
        codelist=codelist,
        kind=kind or "String",
        codes=codes,
    )
