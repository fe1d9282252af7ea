"""Segments of EDIFACT interchanges as they come over the wire, tolerant and bounded.

Rules:

- What breaks the grammar without changing what is said is read and counted: headers of
  the telegraph network, control characters, lines wrapped inside a tag, blanks around
  tags, a terminator lost at a line's end, junk between and after interchanges.
- What could be read in two ways is not read: separators other than the usual ones need
  their UNA.
- Memory holds one piece of the file and one segment of at most ``SEGMENT_MAX``; every
  step takes something off the input, so nothing loops.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Generator, Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple

SEGMENT_MAX = 8_192
"""Characters of a segment; no segment of a list has half of it."""
PIECE_BYTES = 64 << 10

TAGS = re.compile(
    "UN[ABGHTEZ]|BGM|RFF|DTM|NAD|CTA|COM|TDT|LOC|ATT|MEA|GEI|FTX|NAT|DOC|CNT"
)
"""Tags that a passenger list may have: what tells a lost terminator from a wrap."""

_CONTROLS = {code: None for code in range(32) if code != 10} | {127: None}
_START = re.compile(
    r"U\n?N\n?A(?=[^\w\s]{2})"  # separators follow
    r"|U\n?N\n?B(?=\s*[^\w\s])"  # the element separator, whichever it is
    r"|U\n?N\n?[GH](?=\s*\+)"  # an interchange that lost its header
)
_KEEP = 16
"""Characters kept while looking for a start, and looked at behind one."""
_SPLITS = 256
"""Segments cut at once, so that giving some back is cheap."""
_LINE = 512
"""Characters behind UNA in which a terminator must have shown itself."""


class Marks(NamedTuple):
    """Separators of an interchange."""

    component: str = ":"
    element: str = "+"
    release: str = "?"
    terminator: str = "'"


USUAL = Marks()


class Segment(NamedTuple):
    """One segment; its elements are cut when asked for."""

    tag: str
    text: str
    marks: Marks

    def elements(self) -> list[list[str]]:
        """Components of each element; the tag is the first element."""
        marks = self.marks
        if not marks.release or marks.release not in self.text:
            return [
                [part.strip() for part in one.split(marks.component)]
                for one in self.text.split(marks.element)
            ]
        return self._released()

    def _released(self) -> list[list[str]]:
        """The same where a separator may be part of a value."""
        marks, found, letters = self.marks, [[""]], iter(self.text)
        for letter in letters:
            if letter == marks.release:
                found[-1][-1] += next(letters, "")
            elif letter == marks.element:
                found.append([""])
            elif letter == marks.component:
                found[-1].append("")
            else:
                found[-1][-1] += letter
        return [[part.strip() for part in one] for one in found]


class Deviation(NamedTuple):
    """Something that was not as the grammar says, by its kind."""

    kind: str


Event = Segment | Deviation


class _Text:
    r"""A file as text with ``\n`` line ends; `rest` is what was not used yet.

    Bytes are letters as they stand: names are not read, and nothing else needs more.
    """

    def __init__(self, stream: BinaryIO) -> None:
        head = stream.read(2)
        wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
        name = wide.get(head, "latin-1")
        decoder = codecs.getincrementaldecoder(name)("replace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._stream = stream
        self.rest = "" if head in wide else self._letters(head)

    def more(self) -> bool:
        """Add one more piece; False at the end of the file."""
        piece = self._stream.read(PIECE_BYTES)
        self.rest += self._letters(piece)
        return bool(piece)

    def _letters(self, piece: bytes) -> str:
        return self._decoder.decode(piece).translate(_CONTROLS)


def segments(stream: BinaryIO) -> Iterator[Event]:
    """Segments and deviations of a file, in order."""
    text = _Text(stream)
    seen = False
    while (marks := (yield from _begin(text, seen=seen))) is not None:
        seen = True
        yield from _interchange(text, marks)


def _begin(text: _Text, *, seen: bool) -> Generator[Event, None, Marks | None]:
    """Go to where the next interchange starts; None where there is none."""
    junk = ""
    while True:
        while (found := _START.search(text.rest)) is None:
            junk = junk or text.rest[:-_KEEP].strip()
            text.rest = text.rest[-_KEEP:]
            if not text.more():
                if junk or text.rest.strip() or not seen:
                    yield Deviation("trailing_junk" if seen else "no_interchange")
                text.rest = ""
                return None
        before = text.rest[: found.start()]
        if junk or before.strip():
            yield Deviation("junk_between" if seen else "leading_junk")
        elif before and not seen:
            yield Deviation("leading_blanks")
        text.rest = text.rest[found.start() :]
        marks = yield from _marks(text, found.end() - found.start())
        if marks is not None:
            return marks
        junk, seen = "", True


def _marks(text: _Text, size: int) -> Generator[Event, None, Marks | None]:
    """The separators of the interchange that starts here; None if they are unclear.

    Args:
        text: It begins with a start of `size` letters; they, and UNA as a whole, are
            taken off if the interchange is not to be read from them on.
        size: Letters of the tag, wrapped or not.
    """
    while len(text.rest) < _LINE and text.more():
        pass
    tag = text.rest[:size].replace("\n", "")
    if tag == "UNA":
        return (yield from _advised(text, size))
    if text.rest[size:].lstrip()[:1] != USUAL.element:
        yield Deviation("separators_unknown")
        text.rest = text.rest[size:]
        return None
    if tag != "UNB":
        yield Deviation("unb_missing")
    return USUAL


def _advised(text: _Text, size: int) -> Generator[Event, None, Marks | None]:
    """The separators that a UNA names."""
    service, taken = text.rest[size : size + 6], 6
    if service[5:] == "U":  # the reserved blank was lost on the way
        yield Deviation("una_short")
        service, taken = f"{service[:4]} {service[4]}", 5
    elif service[5:].isspace() and USUAL.terminator in text.rest[size:_LINE]:
        yield Deviation("una_short")  # and here the terminator
        service, taken = service[:5] + USUAL.terminator, 5
    text.rest = text.rest[size + taken :]
    marks = Marks(service[0:1], service[1:2], service[3:4].strip(), service[5:6])
    odd = any(one.isalnum() or one.isspace() or not one for one in marks[:2])
    if odd or marks.terminator.isalnum() or len({*marks}) < len(marks):
        yield Deviation("una_broken")
        return None
    return marks


def _interchange(text: _Text, marks: Marks) -> Iterator[Event]:
    """Segments up to UNZ, the next UNA, or the end of the file."""
    skipping, more = False, True
    while more:
        while len(raws := _split(text.rest, marks)) > 1:
            text.rest = raws.pop()
            if skipping:
                raws, skipping = raws[1:], False
            if (yield from _raws(text, raws, marks)):
                return
        if len(text.rest) > SEGMENT_MAX:
            *whole, text.rest = _lost(marks).split(text.rest)
            for raw in whole:
                yield Deviation("terminator_lost")
                yield from _cut(raw, marks)
            if len(text.rest) > SEGMENT_MAX:
                if not skipping:
                    yield Deviation("segment_too_long")
                skipping, text.rest = True, ""
        more = text.more()
    if text.rest.strip() and not skipping:
        yield Deviation("terminator_lost")
        yield from _cut(text.rest, marks)
    text.rest = ""


def _raws(text: _Text, raws: list[str], marks: Marks) -> Generator[Event, None, bool]:
    """Whole segments; True where the interchange ends, with the others given back."""
    for index, raw in enumerate(raws):
        back = -1
        if raw.lstrip().startswith("UNA"):
            yield Deviation("unz_missing")
            back = index
        else:
            for event in _cut(raw, marks):
                yield event
                if isinstance(event, Segment) and event.tag == "UNZ":
                    back = index + 1
        if back >= 0:
            text.rest = marks.terminator.join([*raws[back:], text.rest])
            return True
    return False


def _split(text: str, marks: Marks) -> list[str]:
    """Segments up to terminators that are not released; the last is the rest."""
    released = bool(marks.release) and marks.release in text
    found = _joined(text.split(marks.terminator, _SPLITS), marks, released=released)
    if released and len(found) == 1:
        found = _joined(text.split(marks.terminator), marks, released=True)
    return found


def _joined(parts: list[str], marks: Marks, *, released: bool) -> list[str]:
    """Parts put together again where the terminator between them was released."""
    if not released:
        return parts
    found: list[str] = []
    held: list[str] = []
    for part in parts:
        held.append(part)
        # What stands before `part` is a released terminator, no release character.
        tail = part.replace("\n", "")
        if (len(tail) - len(tail.rstrip(marks.release))) % 2 == 0:
            found.append(marks.terminator.join(held))
            held = []
    if held:
        found.append(marks.terminator.join(held))
    return found


def _cut(raw: str, marks: Marks) -> Iterator[Event]:
    """Segments out of what stands between two terminators: one, as a rule."""
    pieces = [raw.strip()]
    if "\n" in pieces[0]:
        pieces = _lost(marks).split(pieces[0])
    for index, piece in enumerate(pieces):
        if index:
            yield Deviation("terminator_lost")
        text = piece.replace("\n", "")
        said = text.partition(marks.element)[0]
        tag = said.replace(" ", "").upper()
        if len(text) > SEGMENT_MAX:
            yield Deviation("segment_too_long")
        elif len(tag) != 3 or not tag.isalnum():
            yield Deviation("segment_unreadable" if text else "segment_empty")
        else:
            if said != tag:
                yield Deviation("tag_misspelt")
            yield Segment(tag, text, marks)


@lru_cache(maxsize=16)
def _lost(marks: Marks) -> re.Pattern[str]:
    """A line end that was a terminator: a tag and its separator follow."""
    return re.compile(rf"\n[ \t]*(?=(?:{TAGS.pattern})\s*{re.escape(marks.element)})")
