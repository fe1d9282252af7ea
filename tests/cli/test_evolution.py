"""``kerwen catalogue check --against``: may a catalogue follow another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def checked(old: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The breaches, with the exit code that goes with them."""
    words = ["catalogue", "check", "--folder", str(folder), "--against", str(old)]
    capsys.readouterr()
    code = main([*words, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert "breaks" in said, said
    found = list(said["breaks"])
    assert code == bool(found)
    return found


def test_a_catalogue_follows_itself_and_not_a_richer_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkout as OLD, its schemas beside its catalogue."""
    folder = tmp_path / "catalogue"
    shutil.copytree(ROOT / "catalogue", folder)
    assert checked(ROOT, folder, capsys) == []
    (folder / "tables" / "NAP_HOT.toml").unlink()

    assert checked(ROOT, folder, capsys) == [
        "tables/NAP_HOT: removed; rows and series still name it"
    ]


def test_a_schema_that_was_changed_in_place_is_a_breach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Containers in the log carry the old text."""
    old = tmp_path / "old"
    shutil.copytree(ROOT / "catalogue", old / "catalogue")
    shutil.copytree(ROOT / "schemas", old / "schemas")
    for room, name in (("provider", "dtm_survey"), ("public", "receipt")):
        path = old / "schemas" / "avro" / room / f"{name}.v1.avsc"
        schema = json.loads(path.read_text())
        schema["fields"].append(schema["fields"].pop(-2))
        path.write_text(json.dumps(schema))

    found = checked(old, ROOT / "catalogue", capsys)

    assert [text.partition(":")[0] for text in found] == [
        "schemas/dtm_survey.v1",
        "schemas/receipt.v1",
        "dataflows/dtm_survey",
    ]
