"""``kerwen explain``: every alert in three languages, in letters of each."""

from __future__ import annotations

import json
import re

import pytest

from hub.cli.main import main
from hub.edge import alerts

CYRILLIC = re.compile("[а-яё]")
TURKMEN = re.compile("[äňöşüýžç]")


def test_texts_are_in_their_language() -> None:
    """No text is a copy of another language's."""
    for one in alerts.read().values():
        for texts in (one.what, one.do):
            assert len(set(texts.values())) == 3
            assert CYRILLIC.search(texts["ru"].lower()), one.name
            assert TURKMEN.search(texts["tk"].lower()), one.name
            assert not CYRILLIC.search((texts["en"] + texts["tk"]).lower()), one.name


@pytest.mark.parametrize("language", alerts.LANGUAGES)
def test_an_alert_is_explained(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The prefix may be left out, and letters may be small."""
    assert main(["explain", "partitionstopped", "--lang", language, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["alert"] == "KerwenPartitionStopped"
    assert "kerwen doctor" in said["do"]
    assert said["what"] == alerts.read()["KerwenPartitionStopped"].what[language]


def test_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name."""
    assert main(["explain", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["alerts"]) == {*alerts.read()}


def test_an_unknown_one_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the finger."""
    assert main(["explain", "KerwenLatte"]) == 2
    assert "did you mean KerwenLate" in capsys.readouterr().err
