"""Reasons: a closed list, and every one of them says what to do, in three languages."""

from __future__ import annotations

import pytest

from hub.core.messages.schemas import REASON_MAX
from hub.core.reasons import Reason
from hub.edge.files import read_catalogue

LISTED = read_catalogue().codelists["CL_REASONS"]


def test_the_list_and_the_enum_are_one() -> None:
    """No code without a text, no text without a code, in the same order."""
    assert list(LISTED.codes) == [one.value for one in Reason]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_is_wrong_and_how_to_mend_it(reason: Reason) -> None:
    """Text and hint in English, Russian and Turkmen, each of its own."""
    said = (LISTED.codes[reason], LISTED.hints[reason])
    words = [getattr(one, lang) for one in said for lang in ("en", "ru", "tk")]

    assert all(len(text.split()) >= 2 for text in words)
    assert len(set(words)) == 6
    assert any("а" <= letter <= "я" for letter in words[1].lower())
    assert not any("а" <= letter <= "я" for letter in (words[0] + words[2]).lower())
    assert len(reason.value) <= REASON_MAX
