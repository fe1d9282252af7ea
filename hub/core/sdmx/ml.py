"""What all SDMX-ML messages share: escaping, namespaces, header, errors.

Rules:

- Text goes out through :func:`quoted` or :func:`escaped` and in no other way.
- Namespaces are those of the standard; a message declares what it uses.
"""

from __future__ import annotations

from hub.core.catalogue.model import Text
from hub.core.sdmx.model import AGENCY, LANGUAGES
from hub.core.sdmx.times import iso

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_ROOT = "http://www.sdmx.org/resources/sdmxml/schemas"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
# XML 1.0 has no way to write these.
_ESCAPES.update(dict.fromkeys((*range(9), 11, 12, *range(14, 32)), "�"))
_LINES = str.maketrans({"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def namespace(version: str, name: str) -> str:
    """The namespace of a part: version ``2_1`` or ``3_0``, e.g. ``message``."""
    return f"{_ROOT}/v{version}/{name}"


def escaped(text: str) -> str:
    """Text between tags."""
    return text.translate(_ESCAPES)


def quoted(text: str) -> str:
    """Text between quotes."""
    return text.translate(_ESCAPES).translate(_LINES)


def names(tag: str, text: Text) -> str:
    """One element a language."""
    return "".join(
        f'<{tag} xml:lang="{one}">{escaped(getattr(text, one))}</{tag}>'
        for one in LANGUAGES
    )


def header(id_: str, prepared_ms: int, *, inside: str = "") -> str:
    """The header; `inside` follows the sender."""
    return (
        f"<mes:Header><mes:ID>{escaped(id_)}</mes:ID><mes:Test>false</mes:Test>"
        f"<mes:Prepared>{iso(prepared_ms)}</mes:Prepared>"
        f'<mes:Sender id="{AGENCY}"/>{inside}</mes:Header>'
    )


def error(code: int, sentence: str) -> str:
    """The error message of SDMX-ML 2.1."""
    return (
        f'{DECLARATION}<mes:Error xmlns:mes="{namespace("2_1", "message")}" '
        f'xmlns:com="{namespace("2_1", "common")}"><mes:ErrorMessage code="{code}">'
        f'<com:Text xml:lang="en">{escaped(sentence)}</com:Text>'
        "</mes:ErrorMessage></mes:Error>"
    )
