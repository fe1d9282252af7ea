"""What is refused of the terms of a table: each where it means nothing."""

from __future__ import annotations

import pytest

from tests.core.catalogue.test_refusals import refusal

XNG = "tables/XNG_EVT.toml"
API = "tables/API_PAX.toml"
NED = "tables/DTM_SN.toml"
IMM = "tables/FLW_IMM.toml"
VISIT = "tables/MOB_TEMP.toml"
BACK = "tables/EDU_BACK.toml"
CIT = "tables/STK_CIT.toml"
NET = "tables/FLW_NET.toml"
LNK = "tables/QLT_LNK.toml"
GPG = "tables/LAB_GPG.toml"
DIS = "tables/QLT_DIS.toml"
BRT = "tables/BRT_30.toml"
JOIN = '[joined]\ndataflow = "border_crossing"\ntime = "event_date"\nwithin_days = 9\n'

WRONG = {
    "columns of a count": (
        XNG,
        'policy = "E"',
        'policy = "E"\ncolumns = { F = "declared_stay_days" }',
        "key value: expected 0 of value, value_parts, columns for events, found 1",
    ),
    "columns of persons": (
        "tables/LAB_WAGE.toml",
        'measure = "mean"',
        'measure = "sum"\ncolumns = { F = "wage_month" }',
        "expected 1 of value, value_parts, columns for sum, found 2",
    ),
    "columns of a mean": (
        "tables/LAB_WAGE.toml",
        'value = "wage_month"',
        'columns = { F = "wage_month" }',
        "key columns: expected it with a sum only, found 'mean'; remove columns",
    ),
    "columns of linked persons": (
        "tables/OPENING.toml",
        'value = "value"',
        'columns = { F = "value" }\ncount = "value"',
        "key columns: expected neither sex = false nor count nor largest",
    ),
    "a column of no sex": (API, "{ F =", "{ X =", "columns.X: expected a SEX code"),
    "a column of the total": (API, "{ F =", "{ _T =", "columns._T: expected a SEX"),
    "a column of text": (API, '"pax_f"', '"carrier"', "expected a field with numbers"),
    "columns without sex": (
        API,
        'policy = "C"',
        'policy = "C"\nsex = false',
        "key columns: expected neither sex = false nor count nor largest",
    ),
    "columns and a value": (
        API,
        'policy = "C"',
        'policy = "C"\nvalue = "crew"',
        "key value: expected 1 of value, value_parts, columns for sum, found 2",
    ),
    "no column": (API, '{ F = "pax_f", M = "pax_m", _OUN = "pax_oun" }', "{}", "one"),
    "a flag that is no truth value": (
        NED,
        '"need_food"',
        '"education"',
        "dimensions[1].flags.FOOD: expected a boolean field, found 'education'",
    ),
    "a flag of no code": (NED, "FOOD =", "FOOT =", "expected a code of CL_NEED"),
    "flags and a field": (
        NED,
        'codelist = "CL_NEED"',
        'codelist = "CL_NEED"\nfield = "education"',
        "expected flags instead of a field",
    ),
    "flags of a stock": (
        CIT,
        'field = "kind"\n',
        'codelist = "CL_NEED"\nflags = { FOOD = "x" }\n',
        "flags: expected it with events",
    ),
    "a pool of nothing": (XNG, "unit", "pool = 0\nunit", "key pool: expected 1 to 10"),
    "a pool of a stock": (CIT, "unit", "pool = 3\nunit", "key pool: expected it with"),
    "a delayed stock": (CIT, "unit", "delay_days = 3\nunit", "key delay_days"),
    "a delay of ages": (XNG, "unit", "delay_days = -1\nunit", "expected 0 to 3660"),
    "a delayed month": (
        "tables/NAP_TRN.toml",
        "unit",
        "delay_days = 9\nunit",
        "key time: expected a date field beside delay_days",
    ),
    "a join across domains": (
        BACK,
        'dataflow = "border_crossing"',
        'dataflow = "service_contact"',
        "joined.dataflow: expected a dataflow of domain MOBILITY",
    ),
    "a join without a date": (
        BACK,
        'time = "event_date"',
        'time = "direction"',
        "joined.time: expected a date field, found 'direction'",
    ),
    "a join into the past": (BACK, "within_days = 365", "within_days = -1", "0 or"),
    "a join of a stock": (
        "tables/EDU_OUT.toml",
        "[title]",
        f"{JOIN}\n[title]",
        "key joined: expected it with events and persons only",
    ),
    "a joined condition": (
        BACK,
        '"ENTRY"',
        '"INTO"',
        "expected a code of CL_DIRECTION",
    ),
    "a closing of a count": (
        XNG,
        "[title]",
        '[[closes]]\ndataflow = "civil_status"\ntime = "event_date"\n[title]',
        "key closes: expected it with a stock only",
    ),
    "a closing that nobody knows": (
        CIT,
        '{ dataflow = "civil_status"',
        '{ dataflow = "civil_state"',
        "closes[0].dataflow: expected a dataflow of the catalogue",
    ),
    "a closing of another domain": (
        CIT,
        '{ dataflow = "civil_status"',
        '{ dataflow = "denominator"',
        "expected a dataflow of domain MOBILITY, where persons are linked",
    ),
    "residence without a rule": (
        IMM,
        'residence_rule = "R12"\n',
        "",
        "key residence_rule: expected the rule by which residence is judged",
    ),
    "a rule without residence": (
        XNG,
        "unit",
        'residence_rule = "R12"\nunit',
        "key residence: expected residence beside residence_rule",
    ),
    "residence by the quarter": (IMM, '"A"', '"Q"', "key frequency: expected A"),
    "no such event": (IMM, '"immigration"', '"imigration"', "did you mean 'immigra"),
    "no such direction": (IMM, '"direction"', '"way"', "residence.direction"),
    "no such side": (IMM, 'inward = "ENTRY"', 'inward = "IN"', "residence.inward"),
    "declared in words": (IMM, '"declared_stay_days"', '"purpose"', "with numbers"),
    "nobody at home": (
        IMM,
        'home = [{ field = "citizenship", op = "eq", value = "TKM" }]',
        "",
        "residence.home: expected conditions that say who belongs here",
    ),
    "away for ever": (IMM, "away_days = 30", "away_days = 200", "expected 0 to 182"),
    "a length of a move": (
        IMM,
        "away_days = 30",
        "away_days = 30\nleast_days = 90",
        "expected least_days and below_days with a visit or a stay only",
    ),
    "bounds that cross": (
        VISIT,
        "below_days = 365",
        "below_days = 60",
        "expected 0 or more, and below_days above it",
    ),
    "control of a count": (XNG, "unit", 'control = "OPENING"\nunit', "key control"),
    "control by a stock": (
        CIT,
        '"OPENING"',
        '"STK_VEL"',
        "key control: expected a sum",
    ),
    "control unknown": (CIT, '"OPENING"', '"OPEN"', "did you mean 'OPENING'?"),
    "minus of a mean": (
        "tables/REM_COST.toml",
        "unit",
        'minus = { table = "GDP" }\nunit',
        "key minus: expected it with a numerator and a denominator only",
    ),
    "minus of another clock": (
        NET,
        'minus = { table = "FLW_EMI" }',
        'minus = { table = "REM_COST" }',
        "expected frequency Q, that of REM_COST",
    ),
    "a rule of no component": (NET, '"R12"', '"R6P1"', "residence_rule of a component"),
    "rows of a rate": (NET, "scale", "pool = 2\nscale", "no terms of rows in a rate"),
    "parts of a rate": (
        LNK,
        'measure = "ratio"',
        'measure = "rate"',
        "key parts: expected a ratio, found 'rate'",
    ),
    "parts and a numerator": (
        LNK,
        "unit",
        'numerator = { table = "POP" }\nunit',
        "key numerator: expected none for measure ratio, found 'POP'",
    ),
    "a part without a denominator": (
        LNK,
        'denominator = { table = "LNK_PAIRS", where = { KIND = ["LINK_MADE"] } }',
        "",
        "parts[0].denominator: expected a component, found nothing",
    ),
    "a part of no code": (LNK, '"RECALL"', '"RECAL"', "expected a code of CL_LINKAGE"),
    "a part twice": (LNK, '"RECALL"', '"PRECISION"', "expected each code once"),
    "two figures of a mean": (
        GPG,
        '{ SEX = ["F"] }',
        '{ SEX = ["F", "M"] }',
        "expected one code: those of LAB_WAGE do not add up",
    ),
    "decimals that protection set": (
        "tables/SPR_COV.toml",
        "unit",
        "decimals = 3\nunit",
        "key decimals: expected it for shares under policy N only",
    ),
    "decimals without end": (LNK, "decimals = 2", "decimals = 9", "expected 0 to 6"),
    "depth of nothing": (
        DIS,
        'codelist = "CL_DATAFLOW"',
        'codelist = "CL_MEMBER"',
        "expected one dimension with CL_DATAFLOW and sex = false",
    ),
    "days between texts": (
        BRT,
        'of = "event_date"',
        'of = "velayat"',
        "of: expected a date field, found 'velayat'",
    ),
    "days of nothing": (BRT, ', of = "event_date"', "", "key where[2].of"),
    "days before": (BRT, "value = 30", "value = -1", "expected a number of days"),
    "of where it means nothing": (
        XNG,
        "unit",
        'where = [{ field = "sex", op = "eq", of = "sex", value = "F" }]\nunit',
        "where[0].of: expected a known key",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_term_is_refused_with_its_place(case: str) -> None:
    """File, key, what was expected: one line."""
    path, old, new, expected = WRONG[case]

    said = refusal(path, old, new)

    assert said.startswith(f"catalogue/{path}: key ")
    assert expected in said
    assert "\n" not in said
