"""What the loader refuses: file, key, expected, found, and how to mend it."""

from __future__ import annotations

import json
from functools import cache

import pytest

from hub.core.catalogue.load import load
from hub.core.errors import CatalogueError
from hub.edge.files import catalogue_folder, read_files, read_schemas

AVSC = "schemas/avro/provider/border_crossing.v1.avsc"
XNG = "tables/XNG_EVT.toml"
PERMIT = "dataflows/residence_permit.toml"


@cache
def _files() -> dict[str, bytes]:
    return read_files(catalogue_folder())


@cache
def _schemas() -> dict[str, str]:
    return read_schemas()


def refusal(
    path: str,
    old: str,
    new: str,
    schema: tuple[str, dict[str, object] | None] | None = None,
) -> str:
    """The error text after replacing `old` by `new` in a file (old empty: append)."""
    files, schemas = dict(_files()), dict(_schemas())
    if path:
        text = files.get(path, b"").decode()
        assert old in text, "the test no longer fits the catalogue"
        text = text.replace(old, new, 1) if old else new + text
        files[path] = text.encode()
    if schema is not None:
        name, change = schema
        parsed = json.loads(schemas["border_crossing.v1"])
        index = [field["name"] for field in parsed["fields"]].index(name)
        if change is None:
            del parsed["fields"][index]
        else:
            parsed["fields"][index] |= change
        schemas["border_crossing.v1"] = json.dumps(parsed)
    with pytest.raises(CatalogueError) as caught:
        load(files, schemas)
    return str(caught.value)


FILES = {
    "syntax": (XNG, "id =", "id ==", "catalogue/tables/XNG_EVT.toml: key (syntax)"),
    "unknown folder": ("tabels/X.toml", "", "id = 1", "did you mean 'tables'?"),
    "unknown file": ("hub.toml", "", "id = 1", "expected a file in codelists"),
    "id and file name": (XNG, '"XNG_EVT"', '"XNG"', "key id: expected 'XNG_EVT'"),
    "unknown key": (XNG, "unit =", "units =", "found nothing; rename 'units'?"),
    "a key too much": (XNG, "unit =", 'note = "a"\nunit =', "expected a known key"),
    "missing key": (XNG, 'frequency = "M"\n', "", "key frequency: expected a text"),
    "wrong type": (XNG, '"M"', "12", "key frequency: expected a text"),
    "closed list": (XNG, '"events"', '"event"', "found 'event'; did you mean 'events'"),
    "language missing": (XNG, 'tk = "Ugur', 'xx = "Ugur', "a text in Turkmen"),
    "language empty": (XNG, 'tk = "Ugur', 'tk = " "\n#', "title.tk"),
    "unknown dataflow": (XNG, '"border_crossing"', '"z"', "key dataflow: expected"),
    "unknown time": (XNG, '"event_date"', '"date"', "found 'date'; known: birth_co"),
    "identifier as dimension": (
        XNG,
        'field = "direction"',
        'field = "doc_no"',
        "expected a field that goes on after intake, found 'doc_no'",
    ),
    "unknown grouping": (
        XNG,
        '"CL_COUNTRY_G"',
        '"CL_VELAYAT"',
        "key dimensions[1].grouping: expected a grouping of CL_COUNTRY",
    ),
    "codes without label": (
        XNG,
        'field = "direction"',
        'field = "direction"\ncodelist = "CL_TRANSPORT"',
        "key dimensions[0].codelist: expected a code of CL_TRANSPORT for ENTRY",
    ),
    "three dimensions": (
        XNG,
        '[[dimensions]]\nid = "DIRECTION"',
        '[[dimensions]]\nid = "A"\nfield = "purpose"\n[[dimensions]]\nid = "DIRECTION"',
        "key dimensions: expected at most two, found 3",
    ),
    "dimension named SEX": (XNG, '"DIRECTION"', '"SEX"', "(SEX and area are there)"),
    "unknown policy": (XNG, '"E"', '"X"', "key policy: expected a known policy"),
    "policy without noise": (XNG, '"E"', '"N"', "border_crossing has persons"),
    "unknown unit": (XNG, '"NUMBER"', '"NUMBERS"', "did you mean 'NUMBER'?"),
    "unknown custodian": (XNG, '"sms"', '"smz"', "key custodian"),
    "value without a sum": (XNG, "unit", 'value = "declared_stay_days"\nunit', "0 of"),
    "assign without persons": (XNG, "unit", 'assign = "first"\nunit', "key assign"),
    "until without a stock": (XNG, "unit", 'until = "event_date"\nunit', "key until"),
    "sex of nobody": (XNG, "unit", 'sex_field = "velayat"\nunit', "key sex_field"),
    "rate with a dataflow": (
        "tables/STK_RATE.toml",
        'measure = "rate"',
        'measure = "rate"\ndataflow = "border_crossing"',
        "expected no dataflow beside measure rate",
    ),
    "rate without denominator": (
        "tables/STK_RATE.toml",
        "denominator = ",
        "# ",
        "key denominator: expected a component, found nothing",
    ),
    "noise twice": (
        "tables/STK_RATE.toml",
        'policy = "R"',
        'policy = "C"',
        "noise is in the components",
    ),
    "sensitive by month": (
        "tables/CIT_ACQ.toml",
        'frequency = "A"',
        'frequency = "M"',
        "key frequency: expected A under policy T",
    ),
    "an approver without a key": (
        "calendar.toml",
        "hour = 10",
        'hour = 10\napproval = "undp"',
        "key approval: expected a member with a signing key",
    ),
    "no such table repeats": (
        "calendar.toml",
        "hour = 10",
        'hour = 10\nrepeated = ["CIT_ACK"]',
        "key repeated: expected tables of the catalogue",
    ),
    "quiet without T": (
        "tables/HTF_DET.toml",
        'policy = "T"',
        'policy = "S"',
        "expected policy T: trafficking_case is quiet",
    ),
    "hidden rows of two domains": (
        "tables/SPR_FOR.toml",
        'custodian = "molsp"',
        'custodian = "molsp"\ninternal = true',
        "expected published components: they come from two linkage domains",
    ),
    "component without the dimension": (
        "tables/PRM_REF.toml",
        'id = "REASON"',
        'id = "REASONS"',
        "key dimensions[0].id: expected a dimension of PRM_DEC",
    ),
    "component of an unknown code": (
        "tables/PRM_REF.toml",
        '["REFUSED"]',
        '["REFUSE"]',
        "key numerator.where.STATUS: expected a code of CL_PERMIT_STATUS",
    ),
    "rate of a rate": (
        "tables/STK_RATE.toml",
        '"STK_VEL"',
        '"STK_RATE"',
        "key numerator.table: expected a table that counts",
    ),
    "components on two clocks": (
        "tables/STK_RATE.toml",
        '"STK_VEL"',
        '"REM_COST"',
        "key frequency: expected frequency Q, that of REM_COST",
    ),
    "sum without value": (
        "tables/REM_VOL.toml",
        'value = "amount_usd"',
        "",
        "key value: expected 1 of value, value_parts, columns for sum, found 0",
    ),
    "sensitive under a wrong policy": (
        "tables/REM_VOL.toml",
        'policy = "S"',
        'policy = "C"',
        "policy T or S: largest1_usd is sensitive",
    ),
    "finer than declared": (
        "tables/EDU_IN.toml",
        'frequency = "A"',
        'frequency = "M"',
        "key frequency: expected A or coarser: student_mobility is declared so",
    ),
    "condition on an unknown code": (
        "tables/PRM_NEW.toml",
        'value = "GRANTED"',
        'value = "GRANT"',
        "key where[1].value: expected a code of CL_PERMIT_STATUS, found 'GRANT'",
    ),
    "condition of a wrong kind": (
        "tables/DECLARED_ON_TIME.toml",
        "value = 20",
        'value = "20"',
        "expected a int for late_days (int)",
    ),
    "operator and list": (
        "tables/STK_CIT.toml",
        'op = "in"',
        'op = "eq"',
        "key where[0].value: expected one value for eq",
    ),
    "ESMS concept": (
        XNG,
        "[title]",
        '[esms.CONFID]\nen = "a"\nru = "b"\ntk = "c"\n[title]',
        "key esms.CONFID: expected an ESMS concept",
    ),
    "unlinked persons linked": (
        "dataflows/border_crossing.toml",
        '"MOBILITY"',
        '"HEALTH"',
        'key person: expected person = "U" in domain HEALTH',
    ),
    "persons where none are": (
        "dataflows/border_crossing.toml",
        '"MOBILITY"',
        '"NONE"',
        'expected person = "" in domain NONE',
    ),
    "loud in a quiet domain": (
        "dataflows/border_crossing.toml",
        'domain = "MOBILITY"\nperson = "P"',
        'domain = "HEALTH"\nperson = "U"',
        "expected block U after them",
    ),
    "rule on an unknown field": (
        PERMIT,
        'field = "valid_from", op = "not_null"',
        'field = "valid_form", op = "not_null"',
        "did you mean 'valid_from'?",
    ),
    "rule twice": (PERMIT, 'id = "applied"', 'id = "validity"', "each id once"),
    "unknown schema": (
        PERMIT,
        '"residence_permit.v1"',
        '"residence_permit.v2"',
        "expected a file in schemas/avro/provider",
    ),
    "event date": (PERMIT, '"decided_on"', '"status"', "a date or period field"),
    "natural key": (PERMIT, '["doc_state"', '["dok_state"', "key unique[0]"),
    "retention": (PERMIT, "retention_days = 1100", "retention_days = 0", "1 or more"),
    "derived of nothing": (
        "dataflows/labour_migration.toml",
        '"wage_month"]',
        '"wage"]',
        "key derived[0].of[1]: expected a field of kind",
    ),
    "code with a bar": (
        "codelists/transport.toml",
        "AIR =",
        '"A|R" =',
        "no space, no |, found 'A|R'",
    ),
    "group without code": (
        "codelists/isic4.toml",
        'ISIC4_F = "CON"\n',
        "",
        "expected a group for every code, found nothing",
    ),
    "unknown group": (
        "codelists/isic4.toml",
        'ISIC4_F = "CON"',
        'ISIC4_F = "BUILD"',
        "key groups.CL_ACTIVITY_G.ISIC4_F: expected a code of CL_ACTIVITY_G",
    ),
    "bands overlap": (
        "codelists/age_b.toml",
        "high = 14",
        "high = 15",
        "expected bands that do not overlap",
    ),
    "reason without hint": ("codelists/reasons.toml", "\nfork = ", "\nfrok = ", "fork"),
    "member id": ("providers/sms.toml", '"TM/GOV/SMS/HUB"', '"TM/SMS"', "key member"),
    "member instance": ("providers/sms.toml", '"TM/', '"KZ/', "expected instance TM"),
    "member class": ("providers/sms.toml", "/GOV/", "/GOVT/", "did you mean 'GOV'?"),
    "member twice": ("providers/sms.toml", "/SMS/", "/MFA/", "an id of its own"),
    "association id": ("providers/cso-keik.toml", "/CSO/", "/UN/", "cso-…"),
    "provides what is not": (
        "providers/sms.toml",
        '"border_crossing"',
        '"border_crossings"',
        "did you mean 'border_crossing'?",
    ),
    "provides a control message": (
        "providers/sms.toml",
        '"border_crossing"',
        '"declaration"',
        "expected a dataflow members can provide",
    ),
    "policy number": ("policies/C.toml", "D = 5", 'D = "5"', "key params.D"),
}

SCHEMAS: dict[str, tuple[str, dict[str, object] | None, str]] = {
    "role": ("velayat", {"role": None}, "give every field a role"),
    "kind": ("velayat", {"kind": "region"}, "give every field a kind"),
    "type": ("velayat", {"type": ["null", "int"]}, "fields[17].type: expected"),
    "default": ("velayat", {"default": ""}, "with default null"),
    "required": ("velayat", {"required": "yes"}, "a value of type bool, found 'yes'"),
    "attribute": ("velayat", {"codelsit": "CL_X"}, "did you mean 'codelist'?"),
    "codelist": ("velayat", {"codelist": "CL_VELAYATS"}, "did you mean 'CL_VELAYAT'"),
    "no codelist": ("velayat", {"codelist": None}, "a codelist for a code"),
    "bounds": ("declared_stay_days", {"low": 9, "high": 1}, "at least 9, found 1"),
    "identifier": ("velayat", {"role": "identifier"}, "no identifier outside block"),
    "block": ("patronymic", None, "expected block P after them"),
    "control": ("revision", None, "record_id, revision, action first"),
    "twice": ("velayat", {"name": "transport"}, "each name once"),
    "keep": ("velayat", {"keep": "month"}, 'expected "month", on a date'),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_is_refused_with_its_place(case: str) -> None:
    """The message names the file and says what was expected."""
    path, old, new, expected = FILES[case]
    text = refusal(path, old, new)
    assert expected in text
    assert text.startswith("catalogue/")
    assert "\n" not in text


@pytest.mark.parametrize("case", SCHEMAS)
def test_a_wrong_schema_is_refused_with_its_field(case: str) -> None:
    """The message names the field of the provider schema."""
    name, change, expected = SCHEMAS[case]
    text = refusal("", "", "", (name, change))
    assert expected in text
    assert text.startswith((AVSC, "catalogue/dataflows/border_crossing.toml: key"))


def test_the_form_of_a_message() -> None:
    """File, key, expectation, finding and remedy stand in one sentence."""
    assert refusal(XNG, '"border_crossing"', '"border_crosing"') == (
        "catalogue/tables/XNG_EVT.toml: key dataflow: expected a dataflow of the "
        "catalogue, found 'border_crosing'; did you mean 'border_crossing'?"
    )
