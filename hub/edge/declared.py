"""What metrics there are: names, kinds, labels and every word a label may have.

Rules (design: envelope, metrics; operators):

- ``metrics.toml`` beside this file is the only declaration; the reference page is made
  from it, and :class:`hub.edge.metrics.Metrics` refuses what it does not hold.
- Every label is bounded: ministries and dataflows by the catalogue, partitions by the
  topics, outcomes and reasons by the words that are declared. Another word becomes
  :data:`OTHER`, so no input can make series.
- A name may mean different things at different places: ``name@place``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from hub.core.access import STAGES
from hub.core.errors import InvalidError
from hub.core.reasons import Reason
from hub.core.stage import LABEL_NAMES

FILE = Path(__file__).with_name("metrics.toml")
KINDS = ("counter", "gauge", "histogram")
AGENTS = "agents"
PLACES = (*STAGES, "gateway", "publisher", "canary", "calendar")
"""Values of the label `stage`."""
OTHER = "other"
HISTOGRAM_SERIES = 19
"""Of one label set: at most 16 buckets and the endless one, sum and count."""

_CLOSED: Mapping[str, frozenset[str]] = {
    "reasons": frozenset({"", *(reason.value for reason in Reason)}),
    "statuses": frozenset(str(status.value) for status in HTTPStatus),
}
_STATUSES_SEEN = 24
"""How many statuses a server of ours gives, at most; see ``routes/openapi.py``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as it is declared.

    Attributes:
        name: Without prefix.
        at: Places that show it, values of `stage`.
        labels: Besides `stage`, sorted.
        words: Label -> its words, of `outcome` and `reason`.
        pairs: Most pairs of outcome and reason of one ministry and dataflow.
    """

    name: str
    kind: str
    text: str
    at: tuple[str, ...]
    labels: tuple[str, ...]
    words: Mapping[str, frozenset[str]]
    pairs: int

    def bounded(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels with words that are declared only."""
        return {
            label: value
            if value in self.words.get(label, (value,)) or not value
            else OTHER
            for label, value in labels.items()
        }

    def series(self, sizes: Mapping[str, int]) -> int:
        """The most series of this metric in one process.

        Args:
            sizes: How many ministries with a dataflow (``ministry``), dataflows,
                sources, and pairs of source and ``into`` there are.
        """
        keys = {*self.labels}
        if {"source", "into"} <= keys:
            number = sizes["into"]
        elif "source" in keys:
            # A partition is of one ministry and dataflow, or of few dataflows.
            number = sizes["source"] * (1 if "ministry" in keys else 2)
        elif "ministry" in keys:
            number = sizes["ministry"]
        else:
            number = sizes["dataflow"] if "dataflow" in keys else 1
        return number * self.pairs * (HISTOGRAM_SERIES if self.kind == KINDS[2] else 1)


@cache
def metrics() -> Mapping[tuple[str, str], Metric]:
    """Every metric by name and place.

    Raises:
        InvalidError: The file does not hold together.
    """
    content = tomllib.loads(FILE.read_text("utf-8"))
    found: dict[tuple[str, str], Metric] = {}
    for key, entry in content.items():
        one = _read(key.partition("@")[0], entry)
        for place in one.at:
            if (one.name, place) in found:
                raise InvalidError(f"metrics.toml: {one.name} is twice at {place}")
            found[one.name, place] = one
    return found


def metric(name: str, place: str) -> Metric:
    """The metric of a name at a place; of another place where it is not at this one.

    Raises:
        ValueError: It is declared nowhere.
    """
    found = metrics().get((name, place)) or next(
        (one for (other, _), one in metrics().items() if other == name), None
    )
    if found is None:
        raise ValueError(
            f"metric {name} is not declared: add it to hub/edge/metrics.toml and run"
            " `make docs`"
        )
    return found


def names() -> frozenset[str]:
    """Every name."""
    return frozenset(name for name, _ in metrics())


def texts() -> dict[str, str]:
    """Name -> what it says (that of the first place)."""
    found: dict[str, str] = {}
    for (name, _), one in metrics().items():
        found.setdefault(name, one.text)
    return found


def total(place: str, sizes: Mapping[str, int]) -> int:
    """The most series that one process of a place can show."""
    return sum(one.series(sizes) for (_, at), one in metrics().items() if at == place)


def page() -> str:
    """The reference page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "Made from `hub/edge/metrics.toml` by `make docs`. Names begin with"
    yield "`kerwen_`, times are in seconds. Every metric has the label `stage`: that of"
    yield "an agent, `gateway`, `publisher` (a ministry's machine, and that of the"
    yield "hub) or `canary`. A label has the words given here; others become `other`."
    yield "What alerts on them: [operations](../operations.md)."
    yield ""
    yield "| name | kind | shown by | labels | what it says |"
    yield "|---|---|---|---|---|"
    shown: set[int] = set()
    for one in metrics().values():
        if id(one) in shown:
            continue
        shown.add(id(one))
        labels = ", ".join(_label(one, label) for label in one.labels) or "–"
        at = "agents" if set(STAGES) <= set(one.at) else ""
        rest = [place for place in one.at if not at or place not in STAGES]
        places = ", ".join([at, *rest] if at else rest)
        yield (
            f"| `kerwen_{one.name}` | {one.kind} | {places} | {labels} | {one.text} |"
        )


def _label(one: Metric, label: str) -> str:
    words = one.words.get(label)
    if words is None:
        return f"`{label}`"
    for name, closed in _CLOSED.items():
        if words == closed:
            return f"`{label}` ({name})"
    return f"`{label}` ({' '.join(sorted(words))})"


def _read(name: str, entry: Mapping[str, Any]) -> Metric:
    kind = entry.get("kind")
    labels = {*entry.get("labels", ())}
    words: dict[str, frozenset[str]] = {}
    for label in ("outcome", "reason"):
        if label in entry:
            labels.add(label)
            words[label] = _words(name, entry[label])
    wrong = (
        (kind not in KINDS, f"kind {kind!r}"),
        ((kind == "counter") != name.endswith("_total"), "_total is of counters"),
        (not entry.get("text"), "no text"),
        (not labels <= {*LABEL_NAMES}, f"labels {sorted(labels)}"),
        (bool(labels & {"outcome", "reason"} - {*words}), "a label without words"),
    )
    for is_wrong, why in wrong:
        if is_wrong:
            raise InvalidError(f"metrics.toml: {name}: {why}")
    pairs = 1
    for found in words.values():
        # And the word OTHER.
        pairs *= 1 + min(len(found), _STATUSES_SEEN)
    return Metric(
        name=name,
        kind=str(kind),
        text=entry["text"],
        at=tuple(_places(name, entry.get("at", ()))),
        labels=tuple(sorted(labels)),
        words=words,
        pairs=entry.get("pairs", pairs),
    )


def _words(name: str, given: str | list[str]) -> frozenset[str]:
    if isinstance(given, list):
        return frozenset(given)
    if given not in _CLOSED:
        raise InvalidError(f"metrics.toml: {name}: no words are called {given}")
    return _CLOSED[given]


def _places(name: str, given: Iterable[str]) -> Iterator[str]:
    for place in given:
        if place == AGENTS:
            yield from STAGES
        elif place in PLACES:
            yield place
        else:
            raise InvalidError(f"metrics.toml: {name}: no place is called {place}")
