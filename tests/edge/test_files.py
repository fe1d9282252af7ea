"""Catalogue and schema folders: which one is read, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.core.errors import CatalogueError
from hub.edge import files


def test_the_environment_names_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KERWEN_CATALOGUE wins over the folder of the checkout."""
    place = tmp_path / "mine"
    shutil.copytree(files.catalogue_folder(), place)
    label = place / "providers" / "iom.toml"
    label.write_text(label.read_text().replace("Migration", "Movement"))
    before = files.read_catalogue().digest
    monkeypatch.setenv("KERWEN_CATALOGUE", str(place))
    assert place == files.catalogue_folder()
    assert before != files.read_catalogue().digest


def test_a_new_dataflow_brings_its_schema(tmp_path: Path) -> None:
    """Schemas beside the catalogue are added to those of the package."""
    place = tmp_path / "mine"
    shutil.copytree(files.catalogue_folder(), place)
    flow = (place / "dataflows" / "denominator.toml").read_text()
    (place / "dataflows" / "figure.toml").write_text(
        flow.replace('"denominator"', '"figure"').replace("denominator.v1", "figure.v1")
    )
    schema = files.read_schemas()["denominator.v1"]
    room = place / "schemas" / "provider"
    room.mkdir(parents=True)
    name = '"name": "denominator"'
    (room / "figure.v1.avsc").write_text(schema.replace(name, '"name": "figure"', 1))
    found = files.read_catalogue(place)
    assert "figure" in found.dataflows
    assert "denominator" in found.dataflows


def test_an_installed_package_brings_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a wheel, catalogue and schemas lie inside the package."""
    shutil.copytree(files.catalogue_folder(), tmp_path / "_catalogue")
    shutil.copytree(files.schemas_folder(), tmp_path / "_schemas")
    before = files.read_catalogue().digest
    monkeypatch.setattr(files, "_PACKAGE", tmp_path)
    assert files.catalogue_folder() == tmp_path / "_catalogue"
    assert files.schemas_folder() == tmp_path / "_schemas"
    assert before == files.read_catalogue().digest


def test_a_missing_folder_is_named_with_its_remedy(tmp_path: Path) -> None:
    """The message names the folder and the setting."""
    with pytest.raises(CatalogueError, match=r"nowhere.*KERWEN_CATALOGUE"):
        files.read_catalogue(tmp_path / "nowhere")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """A file that nobody wrote by hand is not parsed."""
    path = tmp_path / "catalogue.toml"
    path.write_bytes(b"#" * (files.FILE_BYTES_MAX + 1))
    with pytest.raises(CatalogueError, match="larger than"):
        files.read_files(tmp_path)


def test_schemas_are_named_by_file() -> None:
    """Rooms are read by name, ids carry the version."""
    assert "border_crossing.v1" in files.read_schemas()
    assert files.read_schemas(room="nothing") == {}
