"""The catalogue and schema folders: where they are and how they are read.

Rules:

- ``KERWEN_CATALOGUE`` names a catalogue folder and overrides everything. If it holds
  ``schemas/provider``, the schemas there are added to the package's (same id: instead).
- Installed from a wheel, the folders lie inside the package (``hub/_catalogue``,
  ``hub/_schemas``); in a checkout they are at the repository root.
- What the files mean is decided in :mod:`hub.core.catalogue`.
"""

from __future__ import annotations

import os
from pathlib import Path

from hub.core.catalogue.load import load
from hub.core.catalogue.model import Catalogue
from hub.core.errors import CatalogueError

FILE_BYTES_MAX = 1 << 20  # a catalogue file is written by hand

_PACKAGE = Path(__file__).resolve().parent.parent


def catalogue_folder(folder: Path | None = None) -> Path:
    """The folder to read: argument, KERWEN_CATALOGUE, package, checkout."""
    if folder is not None:
        return folder
    named = os.environ.get("KERWEN_CATALOGUE")
    if named:
        return Path(named)
    packaged = _PACKAGE / "_catalogue"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "catalogue"


def schemas_folder() -> Path:
    """The folder with the rooms ``provider``, ``internal`` and ``public``."""
    packaged = _PACKAGE / "_schemas"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "schemas" / "avro"


def read_schemas(folder: Path | None = None, room: str = "provider") -> dict[str, str]:
    """Schema id (``border_crossing.v1``) → JSON text of one room."""
    place = (folder or schemas_folder()) / room
    return {
        path.name.removesuffix(".avsc"): _content(path).decode()
        for path in sorted(place.glob("*.avsc"))
    }


def read_files(folder: Path) -> dict[str, bytes]:
    """Every TOML file below a folder, by path relative to it."""
    if not folder.is_dir():
        message = (
            f"{folder}: no such catalogue folder; "
            "set KERWEN_CATALOGUE to a folder with catalogue.toml, or unset it"
        )
        raise CatalogueError(message)
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in sorted(folder.rglob("*.toml"))
    }


def read_sources(
    folder: Path | None = None,
) -> tuple[dict[str, bytes], dict[str, str]]:
    """A catalogue's files, and the provider schemas it may name."""
    place = catalogue_folder(folder)
    return read_files(place), read_schemas() | read_schemas(place / "schemas")


def read_catalogue(folder: Path | None = None) -> Catalogue:
    """Reads and checks a catalogue with its provider schemas."""
    return load(*read_sources(folder))


def _content(path: Path) -> bytes:
    if path.stat().st_size > FILE_BYTES_MAX:
        message = f"{path}: larger than {FILE_BYTES_MAX} bytes; split the file"
        raise CatalogueError(message)
    return path.read_bytes()
