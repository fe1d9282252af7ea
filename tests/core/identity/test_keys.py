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
        ({"family_name": "Myrat", "given_name": "Garajaýew"}, {0, 1, 4}),
        ({"doc_no": "И-АШ № 482915", "personal_no": "198503074411"}, ALL),
        ({"doc_no": "B7730021"}, ALL - {1, 5, 6}),
        ({"doc_no": "I-AŞ 482951"}, ALL - {1}),
        ({"doc_state": "RUS"}, ALL - {1}),
        ({"personal_no": "19850307-4412"}, ALL - {0}),
        ({"family_name": "Öwezow"}, ALL - {2, 4, 6}),
        ({"family_name": "Garajeýaw"}, ALL - {2, 4}),
        ({"sex": "F"}, ALL - {3}),
        ({"birth_date": date(1985, 7, 3)}, {0, 1}),
        ({"given_name": "Merdan"}, {0, 1, 6}),
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
        ({"personal_no": None}, [1, 2, 3, 4, 5, 6]),
        ({"personal_no": "000000"}, [1, 2, 3, 4, 5, 6]),
        ({"doc_no": "1234567"}, [0, 2, 3, 4]),
        # Half of five digits says too little.
        ({"doc_no": "48291"}, [0, 1, 2, 3, 4]),
        ({"given_name": "unknown"}, [0, 1, 6]),
        ({"family_name": "unknown"}, [0, 1, 3, 5]),
        ({"patronymic": None}, [0, 1, 2, 4, 5, 6]),
        ({"sex": "_U"}, [0, 1, 2, 4, 5, 6]),
        ({"birth_date": None}, [0, 1]),
        ({"birth_date": date(1900, 1, 1)}, [0, 1]),
        # The year alone is known: only the composite with a patronymic bears it.
        ({"birth_date": date(1985, 1, 1)}, [0, 1, 3]),
    ],
)
def test_an_unusable_component_makes_a_composite_absent(
    changes: dict[str, Any], tiers: list[int]
) -> None:
    """Empty and placeholder values never meet each other."""
    assert list(entries(**changes)) == tiers


def test_a_row_without_keys_is_its_own_person() -> None:
    """Two rows that say nothing about who they are do not become one person."""
    nothing = dict.fromkeys(("personal_no", "doc_no", "given_name"))
    frame = pl.DataFrame(
        [MYRAT | nothing, MYRAT | nothing | {"record": b"q" * 16}], schema=SCHEMA
    )
    one, other = linked(frame)["keys"]

    assert one == bytes([LONE]) + b"r" * 16
    assert other == bytes([LONE]) + b"q" * 16


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
