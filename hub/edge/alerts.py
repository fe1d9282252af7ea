"""What alerts mean, in three languages: read from ``alerts.toml`` beside this file.

One source for ``kerwen explain`` and for the runbook that every alert links to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.core.errors import InvalidError

FILE = Path(__file__).with_name("alerts.toml")
LANGUAGES = ("en", "ru", "tk")
HEADS: Mapping[str, tuple[str, str]] = {
    "en": ("What it means", "What to do"),
    "ru": ("Что это значит", "Что делать"),
    "tk": ("Bu näme diýmek", "Näme etmeli"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        what: Language -> what it means.
        do: Language -> what to do about it.
    """

    name: str
    what: Mapping[str, str]
    do: Mapping[str, str]


@cache
def read() -> Mapping[str, Alert]:
    """Every alert by name, in the order of the file.

    Raises:
        InvalidError: A text is missing.
    """
    content = tomllib.loads(FILE.read_text("utf-8"))
    found = {}
    for name, entry in content.items():
        for part in ("what", "do"):
            for language in LANGUAGES:
                if not entry.get(part, {}).get(language):
                    text = f"alerts.toml: {name}.{part} has no text in {language}"
                    raise InvalidError(text)
        found[name] = Alert(name=name, what=entry["what"], do=entry["do"])
    return found


def page() -> str:
    """The runbook in English, one section an alert, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Runbook"
    yield ""
    yield "Made from `hub/edge/alerts.toml` by `make docs`; the rules are in"
    yield "`deploy/prometheus`. In Russian and Turkmen: `kerwen explain NAME --lang ru`"
    yield "or `--lang tk`."
    for one in read().values():
        yield ""
        yield f"## {one.name}"
        yield one.what["en"]
        yield ""
        yield f"**{HEADS['en'][1]}:** {one.do['en']}"
