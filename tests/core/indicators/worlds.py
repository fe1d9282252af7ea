"""Tables of every term over the example's dataflows, and histories for them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl
from hypothesis import strategies as st

from hub.core.catalogue.model import (
    Closing,
    Condition,
    Dimension,
    Joined,
    Measure,
    Residence,
    Table,
)
from hub.core.indicators import batch
from hub.core.indicators.plan import PLACE, Plan
from hub.core.indicators.whole import Whole
from tests.core import example

DEATH = Condition(field="kind", op="eq", value="DEATH")
CITIZEN = Condition(field="kind", op="eq", value="CITIZEN")
HOME = Condition(field="citizenship", op="eq", value="KAZ")
SETTLED = Condition(field="area", op="eq", value="TM-A")
CLOSES = (
    Closing(dataflow="civil", time="on", where=(DEATH,), final=True),
    Closing(dataflow="civil", time="on", where=(CITIZEN,), final=False),
)
BACK = Joined(dataflow="crossing", time="day", where=(example.ENTRY,), within_days=90)
REMARK = Dimension(
    id="REMARK",
    codelist="CL_REMARK",
    field=None,
    flags=(("LATE", "late"), ("FULL", "full")),
)
COLUMNS = (("F", "pax_f"), ("M", "pax_m"), ("_OUN", "pax_oun"))


def lived(name: str, event: str, **kwargs: Any) -> Table:
    """A table of residence over crossings."""
    rule = kwargs.pop("rule", "R12")
    bounds = {"least_days": 0, "below_days": None} | kwargs.pop("bounds", {})
    asked = Residence(
        event=event,
        direction="direction",
        inward="ENTRY",
        declared="days",
        home=(HOME,),
        settled=(SETTLED,),
        away_days=30,
        **bounds,
    )
    given = {"assign": "first", "dimensions": (example.CITIZENSHIP, example.AGE)}
    return example.table(
        name,
        **{
            "measure": Measure.PERSONS,
            "frequency": "A",
            "residence": asked,
            "residence_rule": rule,
            **given,
            **kwargs,
        },
    )


TABLES = [
    *example.TABLES,
    example.stock(
        "CLOSED", "Q", example.CITIZENSHIP, example.AGE, area="area", closes=CLOSES
    ),
    example.table(
        "BACK",
        dataflow="stay",
        time="until",
        measure=Measure.PERSONS,
        frequency="A",
        assign="last",
        delay_days=90,
        dimensions=(example.CITIZENSHIP,),
        joined=BACK,
    ),
    lived("IMM", "immigration"),
    lived("EMI", "emigration", assign="last", dimensions=()),
    lived("HALF", "immigration", rule="R6P1", dimensions=()),
    lived(
        "VISIT",
        "visit",
        assign="main",
        dimensions=(example.CITIZENSHIP,),
        bounds={"least_days": 90, "below_days": 365},
    ),
    lived(
        "OPEN",
        "stay",
        measure=Measure.EVENTS,
        assign="",
        dimensions=(),
        policy="E",
        delay_days=365,
        bounds={"least_days": 365},
    ),
    example.persons("POOL", "first", example.CITIZENSHIP, pool=3),
    example.table("PUT_OFF", frequency="Q", delay_days=120, dimensions=()),
    example.table(
        "PAX",
        dataflow="flight",
        measure=Measure.SUM,
        columns=COLUMNS,
        area="area",
    ),
    example.table("NOTED", dataflow="flight", sex=False, dimensions=(REMARK,)),
]
CATALOGUE = example.catalogue(TABLES)

DAYS = st.dates(dt.date(2022, 6, 1), dt.date(2026, 6, 30))
PERSON = st.sampled_from("pqr")
STAY = st.fixed_dictionaries(
    {
        "person": PERSON,
        "sex": st.sampled_from(["F", "M", "_O", None]),
        "birth_year": st.sampled_from([1990, 2006, 2007, None]),
        "citizenship": st.sampled_from(["KAZ", "UZB", None]),
        "since": st.one_of(st.none(), DAYS),
        "until": st.one_of(st.none(), DAYS),
        "area": st.sampled_from(["TM-A", "TM-M", None]),
    }
)
CIVIL = st.fixed_dictionaries(
    {
        "person": PERSON,
        "kind": st.sampled_from(["DEATH", "CITIZEN", "BIRTH"]),
        "on": st.one_of(st.none(), DAYS),
    }
)
CROSSING = st.fixed_dictionaries(
    {
        "person": PERSON,
        "sex": st.sampled_from(["F", "M", None]),
        "birth_year": st.sampled_from([1990, 2006, None]),
        "citizenship": st.sampled_from(["KAZ", "UZB", None]),
        "day": DAYS,
        "direction": st.sampled_from(["ENTRY", "EXIT", "ENTRY", "EXIT", None]),
        "days": st.sampled_from([None, 5, 120, 400]),
        "area": st.sampled_from(["TM-A", "TM-M"]),
        "means": st.just("a"),
        "wage": st.none(),
    }
)
FLIGHT = st.fixed_dictionaries(
    {
        "day": DAYS,
        "area": st.sampled_from(["TM-A", "TM-M"]),
        "pax_f": st.sampled_from([None, 0, 7]),
        "pax_m": st.sampled_from([None, 0, 5]),
        "pax_oun": st.sampled_from([0, 1]),
        "late": st.sampled_from([True, False, None]),
        "full": st.booleans(),
    }
)
ROWS = {"stay": STAY, "civil": CIVIL, "crossing": CROSSING, "flight": FLIGHT}


def numbered(flow: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a record id each."""
    return [{**row, "record": f"{flow}/{at}"} for at, row in enumerate(rows)]


def whole(**rows: list[dict[str, Any]]) -> Whole:
    """Whole persons of numbered rows, by dataflow."""
    return Whole.of_active(
        {flow: example.facts(flow, found) for flow, found in rows.items()}
    )


def counted(frame: pl.DataFrame) -> Counter[tuple[str, ...]]:
    """N by place, zeros dropped."""
    found: Counter[tuple[str, ...]] = Counter()
    for row in batch.live(frame).iter_rows(named=True):
        found[tuple(row[name] for name in PLACE)] += row["n"]
    return Counter({place: n for place, n in found.items() if n})


def cells(plan: Plan, people: Whole) -> Counter[tuple[str, ...]]:
    """The cells of a table made from whole persons."""
    return counted(batch.whole_cells(plan, people))


def band(birth_year: int | None, year: int) -> str:
    """Minor, adult or unknown, by hand."""
    if birth_year is None or birth_year > year:
        return "_U"
    return "Y0T17" if year - birth_year < 18 else "Y_GE18"


def group(row: Mapping[str, Any]) -> str:
    """Citizenship group, by hand."""
    return example.GROUPS.get(row["citizenship"], "_U")
