"""Every metric is declared, documented and bounded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.core import totals
from hub.core.access import STAGES
from hub.core.errors import InvalidError
from hub.core.log import PARTITIONS_FACTS
from hub.core.topics import providers, sources
from hub.edge import declared
from hub.edge.files import read_catalogue
from hub.edge.metrics import SECONDS_BUCKETS, SERIES_MAX

ROOT = Path(__file__).parents[2]
GAUGE = '[{}]\nkind="gauge"\nat=["intake"]\ntext="t"\n'


def literals() -> Iterator[tuple[str, str]]:
    """Names of metrics in the code: what is counted, and keys of a step's counts."""
    for path in (*(ROOT / "hub").rglob("*.py"), *(ROOT / "agents").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in named(node):
                yield name, f"{path.relative_to(ROOT)}: {name}"


def named(node: ast.AST) -> Iterator[str]:
    """The metric that one piece of code counts."""
    if isinstance(node, ast.Call):
        called = node.func
        verb = getattr(called, "attr", getattr(called, "id", ""))
        counting = verb in {"count", "gauge", "time", "counted", "_count", "take"}
        if counting and node.args and isinstance(node.args[0], ast.Constant):
            text = node.args[0].value
            # Others are called so too; counters end in _total, and what is set or timed
            # is a metric whatever its name.
            own = verb in {"gauge", "time"}
            if isinstance(text, str) and (own or text.endswith("_total")):
                yield text
    elif isinstance(node, ast.Subscript) and "counts" in ast.unparse(node.value):
        key = node.slice
        if isinstance(key, ast.Tuple) and isinstance(key.elts[0], ast.Constant):
            yield str(key.elts[0].value)


def test_every_name_in_the_code_is_declared() -> None:
    """Nothing is counted that the reference page does not have."""
    known = declared.names()
    found = dict(literals())
    assert len(found) > 35
    assert [place for name, place in found.items() if name not in known] == []


def test_sums_that_are_kept_are_declared() -> None:
    """What an account shows goes around the counters."""
    known = declared.names()
    assert {*totals.NAMES, *totals.NAMES.values()} <= known


def test_the_page_is_the_declaration() -> None:
    """What is in docs/reference is what `make docs` writes."""
    written = (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8")
    assert written == declared.page(), "run `make docs`"


def test_every_process_stays_below_its_budget() -> None:
    """With every word and every partition of the catalogue there is room left."""
    assert len(SECONDS_BUCKETS) + 3 <= declared.HISTOGRAM_SERIES
    catalogue = read_catalogue()
    partitions = len(sources(catalogue, "NONE"))
    pairs = sum(len(member.provides) for member in providers(catalogue))
    sizes = {
        "ministry": 2 * pairs,  # declarations stand in every lane
        "dataflow": len(catalogue.dataflows),
        "source": partitions,
        "into": 2 * partitions + len(STAGES) * 6 * PARTITIONS_FACTS,
    }
    for place in declared.PLACES:
        assert declared.total(place, sizes) < SERIES_MAX, place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[x]\nkind="gauge"\nat=["agents"]\ntext="t"\nlabels=["person"]', "labels"),
        ('[x]\nkind="gauge"\nat=["agents"]\ntext="t"\nlabels=["reason"]', "words"),
        ('[x]\nkind="counter"\nat=["agents"]\ntext="t"', "_total"),
        ('[x]\nkind="gauge"\nat=["agents"]', "no text"),
        ('[x]\nkind="gauge"\nat=["moon"]\ntext="t"', "moon"),
        ('[x]\nkind="gauge"\nat=["agents"]\ntext="t"\noutcome="all"', "words"),
        (GAUGE.format("x") + GAUGE.format('"x@y"'), "twice"),
    ],
)
def test_an_unbounded_declaration_is_refused(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label without words, a person, a text that is missing: one line says which."""
    file = tmp_path / "metrics.toml"
    file.write_text(text, "utf-8")
    monkeypatch.setattr(declared, "FILE", file)
    declared.metrics.cache_clear()
    try:
        with pytest.raises(InvalidError, match=why):
            declared.metrics()
    finally:
        declared.metrics.cache_clear()
