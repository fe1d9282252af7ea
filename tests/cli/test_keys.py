"""``kerwen keys``: said before it is done; wrong calls change nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hub.cli.main import main
from hub.edge.files import read_catalogue

CATALOGUE = read_catalogue()


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with keys in which nothing runs."""
    for name in ("KERWEN_BOOTSTRAP", "KERWEN_CATALOGUE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path))
    shutil.copytree(november, tmp_path / "keys")
    return tmp_path


def files(home: Path) -> dict[str, bytes]:
    """Every key file with its content."""
    return {
        str(path): path.read_bytes()
        for path in (home / "keys").rglob("*")
        if path.is_file()
    }


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The object a command printed."""
    return dict(json.loads(capsys.readouterr().out))


def test_list_shows_every_key_and_no_secret(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids, kinds, ages; what lies in the folders stays there."""
    assert main(["keys", "list", "--json"]) == 0

    text = capsys.readouterr().out
    kinds = {one["kind"] for one in json.loads(text)["keys"]}
    assert {"hub", "internal", "sign", "seal", "control", "pseudonym"} <= kinds
    secrets = json.loads((home / "keys" / "intake" / "secrets.json").read_text())
    assert all(secret not in text for secret in secrets["pseudonym"].values())


def test_a_plan_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--apply`` a rotation is only told."""
    before = files(home)

    assert main(["keys", "rotate", "all", "--json"]) == 0

    told = said(capsys)
    assert (told["applied"], told["done"], told["phase"]) == (False, False, "planned")
    assert "hub-2026-11" in told["replaced"]
    assert len(told["items"]) == 8
    assert files(home) == before


def test_create_names_what_is_missing_and_makes_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lost signing key is named, then made, and nothing else."""
    (home / "keys" / "intake" / "receipt-2026-11.pem").unlink()
    before = files(home)

    assert main(["keys", "create", "--json"]) == 0
    assert said(capsys)["missing"] == ["intake: signing key receipt"]
    assert files(home) == before

    assert main(["keys", "create", "--apply", "--json"]) == 0
    assert said(capsys)["applied"]
    assert before.items() <= {**files(home), **_registry(before)}.items()


def _registry(before: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in before.items() if "registry" in name}


REFUSED = {
    "no kind": (2, ["rotate"], "name kinds of keys"),
    "another kind": (1, ["rotate", "tls"], "expected one of"),
    "no member": (2, ["rotate", "sign"], "--member"),
    "no such member": (1, ["rotate", "sign", "--member", "iom"], "publishes"),
    "no hub": (3, ["rotate", "hub", "--apply"], "kerwen up"),
    "in use": (1, ["revoke", "hub-2026-11"], "is in use"),
    "no such key": (1, ["revoke", "hub-2020-01"], "not in the registry"),
    "no reason": (2, ["revoke", "hub-2026-11", "--apply"], "--reason"),
    "two keys": (2, ["impact", "a", "b"], "name one key"),
    "unknown key": (1, ["impact", "hub-2020-01"], "no key of this hub"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """With the way to mend it, and without a change."""
    code, words, text = REFUSED[name]
    before = files(home)

    assert main(["keys", *words]) == code

    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("kerwen: ")
    assert text in error
    assert files(home) == before


def test_a_rotation_under_way_comes_first(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is listed, nothing else begins, and a damaged note of it is named."""
    item = {"kind": "hub", "key_id": "hub-2026-11b", "member": "hub"}
    note = {"items": [{**item, "holders": ["intake"]}], "began_ms": 1, "phase": "made"}
    path = home / "keys" / "rotation.json"
    path.write_text(json.dumps(note))

    assert main(["keys", "list", "--json"]) == 0
    assert said(capsys)["rotation"]["phase"] == "made"
    assert main(["keys", "rotate", "records"]) == 1
    assert "is made and not finished" in capsys.readouterr().err
    path.write_text('{"items": []}')
    assert main(["keys", "list"]) == 1
    assert "rotation.json is damaged" in capsys.readouterr().err
