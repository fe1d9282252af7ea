"""Whatever stands in a file, the loader answers with a sentence or a catalogue."""

from __future__ import annotations

import copy
import json
import tomllib
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.catalogue.load import load
from hub.core.errors import CatalogueError
from hub.edge.files import catalogue_folder, read_files, read_schemas

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(["", "x", "@x", "sex", "CL_SEX", "M", "stock", "_T", "é|"]),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.dictionaries(st.sampled_from(["id", "en", "x"]), SCALARS, max_size=2),
    st.lists(st.just({"x": 1}), max_size=1),
)


@cache
def _files() -> dict[str, bytes]:
    return read_files(catalogue_folder())


@cache
def _schemas() -> dict[str, str]:
    return read_schemas()


def toml(value: Any) -> str:
    """A value as inline TOML; JSON texts are TOML texts."""
    if isinstance(value, dict):
        entries = [f"{json.dumps(name)} = {toml(one)}" for name, one in value.items()]
        return f"{{ {', '.join(entries)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def damage(data: st.DataObject, tree: Any) -> Any:
    """The tree with one entry removed, replaced or added somewhere."""
    tree = copy.deepcopy(tree)
    place = tree
    while True:
        keys: list[Any] = list(place if isinstance(place, dict) else range(len(place)))
        inner = [k for k in keys if isinstance(place[k], dict | list) and place[k]]
        deeper: bool = data.draw(st.booleans())
        if inner and deeper:
            place = place[data.draw(st.sampled_from(inner))]
            continue
        removed: bool = data.draw(st.booleans())
        if keys and removed:
            del place[data.draw(st.sampled_from(keys))]
        elif keys and isinstance(place, list):
            place[data.draw(st.sampled_from(keys))] = data.draw(VALUES)
        elif isinstance(place, dict):
            key = data.draw(st.sampled_from([*keys, "stray"]))
            place[key] = data.draw(VALUES)
        return tree


def outcome(files: dict[str, bytes], schemas: dict[str, str]) -> bool:
    """Whether the answer is a catalogue or a sentence with a place."""
    try:
        return len(load(files, schemas).digest) == 32
    except CatalogueError as error:
        return ": key " in str(error)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_read(data: st.DataObject) -> None:
    """No file makes the loader fail in any other way."""
    path = data.draw(st.sampled_from(sorted(_files())))
    tree = damage(data, tomllib.loads(_files()[path].decode()))
    text = "\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in tree.items())
    assert outcome({**_files(), path: text.encode()}, _schemas())


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_schema_is_refused_or_read(data: st.DataObject) -> None:
    """The same for provider schemas."""
    name = data.draw(st.sampled_from(sorted(_schemas())))
    tree = damage(data, json.loads(_schemas()[name]))
    assert outcome(_files(), {**_schemas(), name: json.dumps(tree)})
