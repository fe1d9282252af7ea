"""``kerwen webhook``: what is listed, and what is refused before anything is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.cli.main import main
from hub.edge import hooks
from hub.edge.settings import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with one webhook."""
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path))
    made = Home(root=tmp_path)
    made.make()
    hooks.add(made, "iom", "https://hooks.example.org/kerwen")
    return made


def test_a_list_has_addresses_and_no_secrets(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Secrets were told once, when they were made."""
    [one] = hooks.known(home)

    assert main(["webhook", "list", "--json"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said)["webhooks"] == [
        {"id": one.id, "member": "iom", "url": one.url}
    ]
    assert one.secret not in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add"], 2),
        (["add", "--member", "iom", "--url", "http://hooks.example.org"], 2),
        (["add", "--member", "nobody", "--url", "https://hooks.example.org"], 1),
        (["remove", "--id", "none"], 1),
    ],
)
def test_what_cannot_be_is_refused(home: Home, words: list[str], code: int) -> None:
    """The file stays as it is."""
    before = hooks.known(home)

    assert main(["webhook", *words]) == code
    assert hooks.known(home) == before
