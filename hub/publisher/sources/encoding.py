r"""Encodings and delimiters of text files, found by trial or declared.

Rules:

- A declared encoding or delimiter wins and is never second-guessed.
- A byte order mark decides; else strict UTF-8; else UTF-16 by its zero bytes; else
  Windows-1251, if the result reads as Cyrillic. Anything else is refused with the
  option that mends it: a wrong guess would put wrong names into a register.
- Text leaves here as UTF-8 with ``\n`` line ends.
"""

from __future__ import annotations

import codecs
import io
import itertools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from hub.core.errors import InvalidError

HEAD_BYTES = 1 << 20
"""How much of a file is looked at before the first row is read."""
CHUNK_BYTES = 4 << 20
"""How much is read at once; memory is a small multiple of it."""
DELIMITERS = (",", ";", "\t", "|")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ALIASES = {"utf-8-sig": "utf-8", "windows-1251": "cp1251", "utf8": "utf-8"}
# The commonest Russian letters; together more than half of any text or name list.
_COMMON = frozenset("оеаинтсрвлкмуОЕАИНТСРВЛКМУ")
_SPOKEN = {"cp1251": "windows-1251"}


def detect(head: bytes, path: Path) -> tuple[str, int]:
    """The encoding of a file and the length of its byte order mark.

    Args:
        head: The first bytes of the file, at most ``HEAD_BYTES``.
        path: For the error text.

    Raises:
        InvalidError: If none of the known encodings fits.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    # Before UTF-8: the zero bytes of UTF-16 are valid UTF-8 too.
    low, high = head[::2].count(0), head[1::2].count(0)
    if max(low, high) * 16 > len(head) > 1 and min(low, high) * 16 < max(low, high):
        return ("utf-16-le" if high > low else "utf-16-be"), 0
    if _decodes(head, "utf-8"):
        return "utf-8", 0
    if _decodes(head, "cp1251") and _cyrillic(head.decode("cp1251", "replace")):
        return "cp1251", 0
    raise InvalidError(
        f"{path}: encoding not recognised (UTF-8, UTF-16 and Windows-1251 were tried); "
        "save the file as UTF-8 or declare it with --encoding"
    )


def declared(name: str, head: bytes) -> tuple[str, int]:
    """A declared encoding by its Python name, and the length of its mark if any.

    Raises:
        InvalidError: If there is no such encoding.
    """
    try:
        known = codecs.lookup(_ALIASES.get(name.lower(), name)).name
    except LookupError as error:
        raise InvalidError(
            f"encoding {name!r} is unknown; use utf-8, utf-16 or windows-1251"
        ) from error
    if known == "utf-16":
        known = "utf-16-be" if head.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
    for mark, marked in _MARKS:
        if marked == known and head.startswith(mark):
            return known, len(mark)
    return known, 0


def spoken(name: str) -> str:
    """The name people know an encoding by."""
    return _SPOKEN.get(name, name)


def texts(
    stream: BinaryIO, encoding: str, path: Path, *, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[bytes]:
    r"""The rest of `stream` as UTF-8 with ``\n`` line ends, a piece at a time.

    Raises:
        InvalidError: If the bytes are not in `encoding`; the line is named.
    """
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("strict"), translate=True
    )
    lines = 1
    while True:
        piece = stream.read(chunk_bytes)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            raise InvalidError(
                f"{path}: line {lines + before.count(chr(10))}: not {spoken(encoding)} "
                f"text ({error.reason}); declare the right one with --encoding"
            ) from error
        lines += text.count("\n")
        if text:
            yield text.encode()
        if not piece:
            return


def sniff(head: str, names: Collection[str], path: Path) -> str:
    """The delimiter of a file from its first lines.

    The one that turns the header into the most known `names` wins, then the one that
    appears most often in the header.

    Raises:
        InvalidError: If no delimiter is in the header.
    """
    header = head.split("\n", 1)[0]
    if header[:4] == "sep=" and len(header) == len("sep=x"):
        return header[4]
    known = {name.lower() for name in names}

    def merit(delimiter: str) -> tuple[int, int]:
        cells = {cell.strip(' "').lower() for cell in header.split(delimiter)}
        return len(cells & known), header.count(delimiter)

    best = max(DELIMITERS, key=merit)
    if best not in header and header.strip(' "').lower() not in known:
        raise InvalidError(
            f"{path}: line 1: no delimiter found in the header (comma, semicolon, tab "
            "and bar were tried); the first line must name the columns, "
            "or declare the delimiter with --delimiter"
        )
    return best


def _decodes(head: bytes, encoding: str) -> bool:
    """Whether `head` is `encoding`, apart from a character cut at its end."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        decoder.decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _cyrillic(text: str) -> bool:
    """Whether text decoded as Windows-1251 reads as Cyrillic.

    The same bytes as KOI8-R come out with swapped case inside words, as CP866 or a
    Latin page with symbols and rare letters.
    """
    high = [letter for letter in text if letter > "\x7f"]
    letters = sum("А" <= letter <= "я" or letter in "Ёё" for letter in high)
    common = sum(letter in _COMMON for letter in high)
    swapped = sum(
        "а" <= left <= "я" and "А" <= right <= "Я"
        for left, right in itertools.pairwise(text)
    )
    return letters > 0.9 * len(high) and common > letters / 2 and swapped * 20 < letters
