"""Person keys: which rows share one, which must not."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.catalogue.model import Domain
from hub.core.identity.forms import number_forms, with_number_forms
from hub.core.identity.keys import ENTRY_BYTES, LONE, with_keys
from hub.edge.files import read_catalogue

SECRET = b"s" * 32
LINKAGE = read_catalogue().linkage
MOBILITY = LINKAGE[Domain.MOBILITY]
NONE = MOBILITY.placeholders
ALL = {composite.tier for composite in MOBILITY.composites}
MYRAT: dict[str, Any] = {
    "record": b"r" * 16,
    "personal_no": "19850307-4411",
    "doc_state": "TKM",
    "doc_no": "I-AŞ 482915",
    "family_name": "Garajaýew",
    "given_name": "Myrat",
    "patronymic": "Aman oglu",
    "birth_date": date(1985, 3, 7),
    "sex": "M",
    "citizenship": "TKM",
}


SCHEMA = dict.fromkeys(MYRAT, pl.String) | {"record": pl.Binary, "birth_date": pl.Date}


def linked(frame: pl.DataFrame, secret: bytes = SECRET) -> pl.DataFrame:
    """Rows of MOBILITY with their keys, as intake makes them."""
    return with_keys(with_number_forms(frame, NONE), MOBILITY, secret)


def entries(**changes: Any) -> dict[int, bytes]:
    """Tier -> key of one row, MYRAT with changes."""
    frame = pl.DataFrame([MYRAT | changes], schema=SCHEMA)
    keys = linked(frame)["keys"].item()
    return {
        keys[at]: keys[at + 1 : at + ENTRY_BYTES]
        for at in range(0, len(keys), ENTRY_BYTES)
    }


def test_a_full_row_has_every_composite() -> None:
    """Nothing missing: one entry a composite, strongest first."""
    assert list(entries()) == [composite.tier for composite in MOBILITY.composites]


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({}, ALL),
        ({"family_name": "ГАРАДЖАЕВ", "given_name": "МЫРАТ"}, ALL),
        ({"family_name": "Myrat", "given_name": "Garajaýew"}, {0, 1, 2, 7}),
        ({"doc_no": "И-АШ № 482915", "personal_no": "198503074411"}, ALL),
        ({"doc_no": "B7730021"}, ALL - {1, 4, 5, 6, 8}),
        # Two digits in each other's place, and a wrong one.
        ({"doc_no": "I-AŞ 482951"}, ALL - {1, 6}),
        ({"doc_no": "I-AŞ 432915"}, ALL - {1, 4, 5, 8}),
        ({"doc_state": "RUS"}, ALL - {1}),
        ({"personal_no": "19850307-4412"}, ALL - {0}),
        ({"family_name": "Öwezow"}, {0, 1, 3, 5}),
        ({"family_name": "Garajeýaw"}, ALL - {2}),
        ({"patronymic": "Meret oglu"}, ALL - {3, 7, 8}),
        ({"patronymic": None}, ALL - {3, 7, 8}),
        ({"sex": "F"}, ALL - {6, 7, 8}),
        ({"citizenship": "RUS"}, ALL - {6, 7, 8}),
        ({"birth_date": date(1985, 7, 3)}, {0, 1, 7, 8}),
        ({"birth_date": date(1986, 3, 7)}, {0, 1, 8}),
        ({"given_name": "Merdan"}, {0, 1, 4, 6}),
    ],
)
def test_a_change_parts_only_the_composites_that_hold_it(
    changes: dict[str, Any], shared: set[int]
) -> None:
    """A person with a new passport or name is still found by the rest."""
    before, after = entries(), entries(**changes)

    assert {tier for tier in before if before[tier] == after.get(tier)} == shared


@pytest.mark.parametrize(
    ("changes", "tiers"),
    [
        ({"personal_no": None}, ALL - {0}),
        ({"personal_no": "000000"}, ALL - {0}),
        ({"doc_no": "1234567"}, {0, 2, 3, 7}),
        # Some of five digits say too little.
        ({"doc_no": "48291"}, {0, 1, 2, 3, 7}),
        ({"given_name": "unknown"}, {0, 1, 4, 6}),
        ({"family_name": "unknown"}, {0, 1, 3, 5}),
        ({"patronymic": None}, ALL - {3}),
        ({"sex": "_U"}, ALL),
        ({"birth_date": None}, {0, 1, 8}),
        ({"birth_date": date(1900, 1, 1)}, {0, 1, 8}),
        # The year alone is known: only the composite with a patronymic bears it.
        ({"birth_date": date(1985, 1, 1)}, {0, 1, 3, 8}),
    ],
)
def test_an_unusable_component_makes_a_composite_absent(
    changes: dict[str, Any], tiers: set[int]
) -> None:
    """Empty and placeholder values never meet each other."""
    assert list(entries(**changes)) == sorted(tiers)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Their papers are issued together, so the numbers follow each other.
        (
            {"given_name": "Hasan", "doc_no": "A04829141"},
            {"given_name": "Hüseýin", "doc_no": "A04829142"},
        ),
        (
            {"given_name": "Maral", "sex": "F", "doc_no": None},
            {"given_name": "Meret", "doc_no": None},
        ),
    ],
)
def test_twins_share_no_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Family name, patronymic and birth date together make nobody one person."""
    first = entries(**one | {"personal_no": None})
    second = entries(**other | {"personal_no": None})

    assert not {tier for tier in first if first[tier] == second.get(tier)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("482915", "482951", True),
        ("A 482915", "482519", True),
        ("482915", "482916", False),
        ("0048291", "048291", False),
        ("11222", "22111", False),
        ("9" * 19 + "1", "1" + "9" * 19, False),
    ],
)
def test_digits_in_another_order_are_the_same(one: str, other: str, same: bool) -> None:
    """Every digit counts, zeros in front too; short numbers have no such key."""
    first, second = entries(doc_no=one), entries(doc_no=other)

    assert (4 in first and first[4] == second[4]) == same


def test_a_row_without_keys_is_its_own_person() -> None:
    """Two rows that say nothing about who they are do not become one person."""
    nothing = dict.fromkeys(("personal_no", "doc_no", "given_name"))
    frame = pl.DataFrame(
        [MYRAT | nothing, MYRAT | nothing | {"record": b"q" * 16}], schema=SCHEMA
    )
    one, other = linked(frame)["keys"]

    assert one == bytes([LONE]) + b"r" * 10
    assert other == bytes([LONE]) + b"q" * 10


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("AB 998-877", "AB998877"),
        ("ав998877", "AB998877"),
        ("I-AŞ 482915", "IAS482915"),
        ("И-АШ № 482915", "IAS482915"),
        ("0098421", "0098421"),
        *((bad, None) for bad in ("000000", "A0000000", "9999999", "123456")),
        *((bad, None) for bad in ("987654", "B1234567", "00000001", "567890")),
        *((bad, None) for bad in ("", "-", "none", "БЕЗ НОМЕРА", "AB12", None)),
    ],
)
def test_a_number_has_one_spelling_and_placeholders_none(
    text: str | None, form: str | None
) -> None:
    """Spaces, hyphens and alphabets do not matter; deny-listed numbers are empty."""
    frame = pl.DataFrame({"n": [text]}, schema={"n": pl.String})

    assert number_forms(frame["n"], NONE).item() == form


@settings(deadline=None)
@given(st.lists(st.text(max_size=20) | st.none(), max_size=20))
def test_any_number_text_is_survived(texts: list[str | None]) -> None:
    """No text raises; what comes out is capitals and digits."""
    frame = pl.DataFrame({"n": texts}, schema={"n": pl.String})
    forms = number_forms(frame["n"], NONE).drop_nulls().to_list()

    assert all(form.isascii() and form.isalnum() for form in forms)


def test_the_signature_says_whether_the_key_set_is_known() -> None:
    """Equal key sets have equal signatures, different ones do not."""
    frame = pl.DataFrame(
        [
            MYRAT,
            MYRAT | {"record": b"q" * 16, "family_name": "GARAJAYEW"},
            MYRAT | {"doc_no": "B7730021"},
        ],
        schema=SCHEMA,
    )
    one, same, other = linked(frame)["sig"]

    assert one == same
    assert one != other
    assert len(one) == 16


def test_an_unlinked_person_is_counted_once_per_custodian() -> None:
    """One case number at two custodians is two people, at one custodian one."""
    frame = pl.DataFrame(
        {"member": ["moi", "moi", "moh"], "case_ref": ["K-1", " K-1", "K-1"]}
    )
    one, same, other = with_keys(frame, LINKAGE[Domain.HEALTH], SECRET)["keys"]

    assert one == same
    assert one != other
    assert one[0] == 0
    assert len(one) == ENTRY_BYTES


def test_domains_do_not_meet() -> None:
    """Under another domain's secret no key is the same."""
    frame = pl.DataFrame([MYRAT], schema=SCHEMA)

    assert linked(frame)["keys"].item() != linked(frame, b"t" * 32)["keys"].item()
