"""Files in, catalogue out: the one way a catalogue comes into being.

Rules:

- Pure: the edge reads folders (:mod:`hub.edge.files`), this module gets bytes.
- The digest is SHA-256 over the canonical JSON of every parsed file and schema: spaces
  and comments do not count, the order of codes does.
- Wrong content is refused with file, key, what was expected and what was found.
- No dataflow, table or member is named in code; only the reserved ``CL_MEMBER`` and
  ``CL_DATAFLOW`` are made here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hub.core.catalogue.check import check
from hub.core.catalogue.dates import FILE as CALENDAR
from hub.core.catalogue.dates import read_calendar
from hub.core.catalogue.flows import read_dataflow
from hub.core.catalogue.linkage import FILE as LINKAGE
from hub.core.catalogue.linkage import read_linkage
from hub.core.catalogue.lists import (
    made_codelists,
    read_codelist,
    read_member,
    read_policy,
)
from hub.core.catalogue.model import Catalogue, Text
from hub.core.catalogue.reading import Node, complain, near, parse
from hub.core.catalogue.schemas import canonical
from hub.core.catalogue.tables import Sources, read_table

ROOM = "catalogue.toml"
METADATA = "esms.toml"
SINGLE = (ROOM, METADATA, LINKAGE, CALENDAR)
FOLDERS = ("codelists", "dataflows", "policies", "providers", "tables")

_T = TypeVar("_T")


def load(files: Mapping[str, bytes], schemas: Mapping[str, str]) -> Catalogue:
    """Builds and checks a catalogue.

    Args:
        files: Path relative to the catalogue folder → content, e.g.
            ``tables/XNG_EVT.toml``.
        schemas: Provider schema id → JSON text, e.g. ``border_crossing.v1``.

    Raises:
        CatalogueError: The first thing that is wrong, in path order.
    """
    parsed = {path: parse(path, files[path]) for path in sorted(files)}
    _known_paths(parsed)
    instance = _instance(parsed)
    codelists = _room(parsed, "codelists", read_codelist)
    dataflows = _room(parsed, "dataflows", lambda node: read_dataflow(node, schemas))
    used = {name: schemas[name] for name in _schema_names(parsed)}
    members = _room(parsed, "providers", read_member)
    policies = _room(parsed, "policies", read_policy)
    for made in made_codelists(members, dataflows):
        if made.id in codelists:
            complain("codelists", made.id, "no file of that name", made.id, "remove it")
        codelists[made.id] = made
    sources = Sources(codelists, dataflows, members, _esms(parsed))
    catalogue = Catalogue(
        digest=digest(parsed, used),
        instance=instance,
        codelists=codelists,
        dataflows=dataflows,
        members=members,
        tables=_room(parsed, "tables", lambda node: read_table(node, sources)),
        policies=policies,
        linkage=read_linkage(parsed[LINKAGE]),
        calendar=read_calendar(Node(CALENDAR, parsed[CALENDAR])),
    )
    check(catalogue)
    return catalogue


def digest(parsed: Mapping[str, Any], schemas: Mapping[str, str]) -> bytes:
    """SHA-256 over everything declared, paths in order, 32 bytes."""
    everything = {
        "files": {path: parsed[path] for path in sorted(parsed)},
        "schemas": {name: canonical(schemas[name]) for name in sorted(schemas)},
    }
    text = json.dumps(everything, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _schema_names(parsed: Mapping[str, Any]) -> list[str]:
    """The schemas that dataflows name; others do not count in the digest."""
    return [
        content["schema"]
        for path, content in parsed.items()
        if path.startswith("dataflows/")
    ]


def _known_paths(parsed: Mapping[str, Any]) -> None:
    for path in parsed:
        folder, _, name = path.rpartition("/")
        if path in SINGLE or (folder in FOLDERS and name):
            continue
        expected = f"a file in {', '.join(FOLDERS)}"
        complain(path, "(path)", expected, folder or path, near(folder, FOLDERS))
    for path in SINGLE:
        if path not in parsed:
            complain(path, "(path)", "this file", None, "add it")


def _instance(parsed: Mapping[str, Any]) -> str:
    node = Node(ROOM, parsed[ROOM])
    instance = node.string("instance")
    node.done()
    return instance


def _room(
    parsed: Mapping[str, Any], folder: str, read: Callable[[Node], _T]
) -> dict[str, _T]:
    """Reads every file of a folder in path order."""
    found: dict[str, _T] = {}
    for path, content in parsed.items():
        if path.startswith(f"{folder}/"):
            thing = read(Node(path, content))
            found[thing.id] = thing  # type: ignore[attr-defined] # all have an id
    return found


def _esms(parsed: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Text]]:
    """ESMS texts: the defaults, and what policies and dataflows say instead."""
    defaults = Node(METADATA, parsed[METADATA])
    esms = {("", ""): {name: defaults.text(name) for name in defaults.names()}}
    for path, content in parsed.items():
        folder, _, name = path.rpartition("/")
        if folder in {"policies", "dataflows"}:
            node = Node(path, content)
            texts = node.texts("esms")
            for concept in texts:
                if concept not in esms["", ""]:
                    mend = near(concept, esms["", ""])
                    node.complain(f"esms.{concept}", "an ESMS concept", concept, mend)
            esms[folder, name.removesuffix(".toml")] = texts
    return esms
