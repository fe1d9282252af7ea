"""Formats, and which of them a request gets.

Rules (SDMX REST, "Content negotiation"; RFC 9110, §12):

- ``format=`` beats the Accept header, for whoever cannot set one.
- Every format is offered by both APIs; they differ in what they give where nothing, or
  only XML, JSON or CSV, is asked for: 2.1 its own generation, 3.0 its own.
- A version of a media type that is not offered is not acceptable; one that is left out
  is any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.core.sdmx.model import LANGUAGES
from hub.core.sdmx.refusal import Fault, RefusalError, shown, syntax

_SDMX = "application/vnd.sdmx."
ACCEPT_PARTS_MAX = 40
PAGES = frozenset({"text/html", "application/xhtml+xml"})
"""What browsers say that they take, and programs do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way of writing.

    Attributes:
        name: What ``format=`` calls it.
        media: Type and subtype.
        version: Of the format; empty: it has none.
        also: Plain media types that mean it where it is a default.
        suffix: Of a file.
    """

    name: str
    media: str
    version: str = ""
    also: tuple[str, ...] = ()
    suffix: str = "xml"

    @property
    def content_type(self) -> str:
        """What a response says."""
        version = f";version={self.version}" if self.version else ""
        charset = ";charset=utf-8" if self.suffix == "csv" else ""
        return f"{self.media}{version}{charset}"


XML = ("application/xml", "text/xml")
JSON = ("application/json", "text/json")
CSV = ("text/csv",)

GENERIC = Format(
    name="generic", media=f"{_SDMX}genericdata+xml", version="2.1", also=XML
)
GENERIC_SERIES = Format(
    name="generic-series", media=f"{_SDMX}generictimeseriesdata+xml", version="2.1"
)
SPECIFIC = Format(
    name="specific", media=f"{_SDMX}structurespecificdata+xml", version="2.1"
)
SPECIFIC_SERIES = Format(
    name="specific-series",
    media=f"{_SDMX}structurespecifictimeseriesdata+xml",
    version="2.1",
)
XML_3 = Format(name="xml3", media=f"{_SDMX}data+xml", version="3.0.0", also=XML)
JSON_DRAFT = Format(
    name="json-draft",
    media=f"{_SDMX}data+json",
    version="1.0.0-wd",
    also=(f"{_SDMX}draft-sdmx-json+json",),
    suffix="json",
)
JSON_1, JSON_2, JSON_21 = (
    Format(
        name=name,
        media=f"{_SDMX}data+json",
        version=version,
        also=JSON,
        suffix="json",
    )
    for name, version in (("json1", "1.0.0"), ("json2", "2.0.0"), ("json21", "2.1.0"))
)
CSV_1, CSV_2 = (
    Format(name=name, media=f"{_SDMX}data+csv", version=version, also=CSV, suffix="csv")
    for name, version in (("csv1", "1.0.0"), ("csv2", "2.0.0"))
)
HXL = Format(name="hxl", media="text/csv", suffix="csv")
XLSX = Format(
    name="xlsx",
    media="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    suffix="xlsx",
)
PARQUET = Format(
    name="parquet", media="application/vnd.apache.parquet", suffix="parquet"
)
_FILES = (XLSX, PARQUET)
DATA_2 = (
    GENERIC,
    SPECIFIC,
    GENERIC_SERIES,
    SPECIFIC_SERIES,
    JSON_1,
    CSV_1,
    XML_3,
    JSON_2,
    JSON_21,
    JSON_DRAFT,
    CSV_2,
    *_FILES,
    HXL,
)
DATA_3 = (
    JSON_2,
    XML_3,
    CSV_2,
    JSON_21,
    JSON_1,
    JSON_DRAFT,
    GENERIC,
    SPECIFIC,
    GENERIC_SERIES,
    SPECIFIC_SERIES,
    CSV_1,
    *_FILES,
    HXL,
)
STRUCTURE_XML = Format(
    name="xml", media=f"{_SDMX}structure+xml", version="2.1", also=XML
)
STRUCTURE_XML_3, STRUCTURE_XML_31 = (
    Format(name=name, media=f"{_SDMX}structure+xml", version=version, also=XML)
    for name, version in (("xml3", "3.0.0"), ("xml31", "3.1.0"))
)
STRUCTURE_JSON = Format(
    name="json",
    media=f"{_SDMX}structure+json",
    version="2.0.0",
    also=JSON,
    suffix="json",
)
STRUCTURE_2 = (STRUCTURE_XML, STRUCTURE_JSON, STRUCTURE_XML_3, STRUCTURE_XML_31)
STRUCTURE_3 = (STRUCTURE_JSON, STRUCTURE_XML_3, STRUCTURE_XML_31, STRUCTURE_XML)
ALIASES: Mapping[str, str] = {
    "csv": "text/csv",
    "csvfile": "text/csv",
    "json": "application/json",
    "jsondata": "application/json",
    "sdmx-json": "application/json",
    "xml": "application/xml",
    "genericdata": f"{_SDMX}genericdata+xml",
    "structurespecificdata": f"{_SDMX}structurespecificdata+xml",
    "sdmx-json-draft": f"{_SDMX}data+json;version=1.0.0-wd",
}
"""Words that other services use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The format a request gets, with the parameters of its media type."""

    format: Format
    parameters: Mapping[str, str] = field(default_factory=dict)


def choose(offered: Sequence[Format], accept: str | None, wanted: str | None) -> Choice:
    """The format for a request.

    Args:
        offered: By this API, the default first.
        accept: The Accept header.
        wanted: The parameter ``format``.

    Raises:
        RefusalError: SYNTAX for an unknown `wanted`; FORMAT if nothing is acceptable.
    """
    if wanted is not None:
        for one in offered:
            if one.name == wanted:
                return Choice(format=one)
        alias = ALIASES.get(wanted.lower())
        found = None if alias is None else _match(offered, *_media(alias))
        if found is None:
            names = ", ".join(one.name for one in offered)
            raise syntax(f"format={shown(wanted)}: expected one of {names}")
        return found
    if accept is None or not accept.strip():
        return Choice(format=offered[0])
    for media, parameters in _preferred(accept):
        found = _match(offered, media, parameters)
        if found is not None:
            return found
    listed = ", ".join(one.content_type for one in offered)
    raise RefusalError(Fault.FORMAT, f"nothing acceptable; there are: {listed}")


def page(accept: str | None) -> bool | None:
    """Whether an error is to be a page: as a browser asks; None: as it comes."""
    wanted = {media for media, _ in _preferred(accept or "")}
    if wanted & PAGES:
        return True
    return None if not wanted or "*/*" in wanted else False


def language(header: str | None, wanted: str | None) -> str:
    """The language of names: asked for, or preferred, or English.

    Raises:
        RefusalError: SYNTAX for an unknown `wanted`.
    """
    if wanted is not None:
        if wanted not in LANGUAGES:
            raise syntax(f"lang={shown(wanted)}: expected {', '.join(LANGUAGES)}")
        return wanted
    for tag, _ in _preferred(header or ""):
        short = tag.partition("-")[0]
        if short in LANGUAGES:
            return short
    return LANGUAGES[0]


def _preferred(header: str) -> list[tuple[str, dict[str, str]]]:
    """What a header lists, the most wanted first; what cannot be read is left out."""
    found = []
    for part in header.split(",")[:ACCEPT_PARTS_MAX]:
        media, parameters = _media(part)
        weight = _weight(parameters.pop("q", "1"))
        if media and weight > 0:
            found.append((weight, media, parameters))
    found.sort(key=lambda one: -one[0])
    return [(media, parameters) for _, media, parameters in found]


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _media(text: str) -> tuple[str, dict[str, str]]:
    media, *rest = text.strip().split(";")
    parameters = {}
    for one in rest:
        name, _, value = one.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return media.strip().lower(), parameters


def _match(
    offered: Iterable[Format], media: str, parameters: Mapping[str, str]
) -> Choice | None:
    version = parameters.get("version", "")
    more = {name: value for name, value in parameters.items() if name != "version"}
    if media == HXL.media and more.get("profile") == "hxl":
        offered = (HXL,)
    for one in offered:
        whole = one.media == media and _fits(one.version, version)
        if whole or media == "*/*" or media in one.also:
            return Choice(format=one, parameters=more)
        if media.endswith("/*") and one.media.startswith(media[:-1]):
            return Choice(format=one, parameters=more)
    return None


def _fits(version: str, wanted: str) -> bool:
    """``2.0`` fits 2.0.0, ``2.0+.0`` any later minor version, none fits all."""
    plain = wanted.replace("+", "")
    if not plain or version == plain or version.startswith(f"{plain}."):
        return True
    return "+" in wanted and version.partition(".")[0] == plain.partition(".")[0]
