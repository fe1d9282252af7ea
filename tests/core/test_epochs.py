"""Epochs: names in order of age, whatever the clock says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import epochs
from hub.core.errors import InvalidError

NOVEMBER_MS = 1_794_700_000_000
DAY_MS = epochs.DAY_MS


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=25))
def test_each_next_key_stands_behind_all_before(days: list[int]) -> None:
    """Also where the clock goes back, and for several in one month."""
    made: list[str] = []
    for day in days:
        made.append(epochs.following("hub", made, day * DAY_MS))

    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_a_month_has_no_more_keys_than_letters() -> None:
    """The 27th is refused rather than named out of order."""
    made: list[str] = []
    for _ in range(26):
        made.append(epochs.following("hub", made, NOVEMBER_MS))

    assert made[0] == "hub-2026-11"
    assert made[-1] == "hub-2026-11z"
    with pytest.raises(InvalidError, match="26 keys"):
        epochs.following("hub", made, NOVEMBER_MS)


def test_names_of_others_do_not_count() -> None:
    """``sms-sign`` is not ``sms``, and a name without a month is none."""
    taken = {"sms-sign-2026-12", "sms-1", "mfa-2027-01"}

    assert epochs.following("sms", taken, NOVEMBER_MS) == "sms-2026-11"


@pytest.mark.parametrize(
    ("kind", "days", "left"),
    [("hub", 0, 31), ("hub", 40, -9), ("sign", 40, 357), ("pseudonym", 4_000, None)],
)
def test_days_left(kind: str, days: int, left: int | None) -> None:
    """Negative when overdue; lasting secrets are never due."""
    assert epochs.days_left(kind, 0, days * DAY_MS) == left


@pytest.mark.parametrize(
    ("key_id", "began"), [("hub-1970-02b", 31 * DAY_MS), ("control-1", 0), ("x", 0)]
)
def test_an_id_tells_its_month(key_id: str, began: int) -> None:
    """The first moment of it; 0 where there is none."""
    assert epochs.began_ms(key_id) == began
    assert epochs.began_ms("hub-2026-13") == 0
