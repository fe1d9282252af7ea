"""Interchanges as they come over the wire: read where they can only mean one thing."""

from __future__ import annotations

import io
import re
import textwrap
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.publisher.sources.edifact import (
    PIECE_BYTES,
    SEGMENT_MAX,
    Deviation,
    Segment,
    segments,
)
from tests.publisher.sources.lists import (
    ONE_LEG,
    interchange,
    kinds,
    message,
    person,
    taken,
)

PEOPLE = [person(sex="F"), person(sex="F"), person(sex="M")]
GOOD = interchange(message(PEOPLE))


def swapped(marks: str) -> str:
    """The interchange with other separators, said by its UNA."""
    component, element, release, terminator = (marks[n] for n in range(4))
    text = GOOD[9:].replace(terminator, "?" + terminator)
    table = str.maketrans(":+?'", component + element + release + terminator)
    return f"UNA{component}{element}.{release} {terminator}" + text.translate(table)


def without(*starts: str) -> str:
    """The interchange without the segments that begin so."""
    found = GOOD[9:].split("'")
    kept = [one for one in found if not one.startswith(starts)]
    return GOOD[:9] + "'".join(kept)


SAME: dict[str, tuple[str | bytes, set[str]]] = {
    "separators by UNA": (swapped("<*!~"), set()),
    "the separators of one carrier": (swapped(":()-"), set()),
    "a line end as terminator": (
        swapped(":+?\n"),
        set(),
    ),
    "no UNA": (GOOD[9:], set()),
    "a UNA that lost its blank": ("UNA:+.?'" + GOOD[9:], {"una_short"}),
    "a UNA that lost its terminator": ("UNA:+.? \n" + GOOD[9:], {"una_short"}),
    "a UNA of letters": ("UNA:+ABCD" + GOOD[9:], {"una_broken"}),
    "blanks before UNB": ("   \n\n  " + GOOD, {"leading_blanks"}),
    "a telegraph header": (
        "QK SMSTM\r\n.ISTXHT5 042130\r\n\x02" + GOOD,
        {"leading_junk"},
    ),
    "a word with UNA in it": ("FROM FUNAFUTI DESK\n" + GOOD, {"leading_junk"}),
    "control characters": ("\x01" + GOOD.replace("NAD", "N\x0eAD") + "\x03", set()),
    "a line a segment": (GOOD.replace("'", "'\r\n"), set()),
    "lines wrapped anywhere": (
        "\n".join(textwrap.wrap(GOOD, 63, drop_whitespace=False)),
        set(),
    ),
    "every letter on a line": (GOOD[:9] + "\n".join(GOOD[9:]), set()),
    "a terminator lost at a line's end": (
        GOOD.replace("LOC+125+IST'", "LOC+125+IST\n"),
        {"terminator_lost"},
    ),
    "the last terminator lost": (GOOD[:-1], {"terminator_lost"}),
    "trailing junk": (GOOD + "\n\nScanned for viruses\n", {"trailing_junk"}),
    "blanks in tags": (GOOD.replace("LOC+", " L OC +"), {"tag_misspelt"}),
    "tags in small letters": (GOOD.replace("NAD+FL", "nad+FL"), {"tag_misspelt"}),
    "blanks in dates": (GOOD.replace("232:", "232: "), set()),
    "empty segments": (GOOD.replace("'BGM", "'''BGM"), {"segment_empty"}),
    "a garbled segment": (GOOD.replace("'GEI", "'#!'GEI"), {"segment_unreadable"}),
    "unknown segments": (GOOD.replace("'GEI+4+173", "'XYZ+1"), set()),
    "a wrong count of segments": (re.sub(r"UNT\+\d+", "UNT+999", GOOD), {"unt_count"}),
    "another reference": (
        re.sub(r"(UNT\+\d+)\+\w+", r"\1+P", GOOD),
        {"unt_reference"},
    ),
    "no UNG and UNE": (without("UNG", "UNE"), set()),
    "no UNB": (without("UNB")[9:], {"unb_missing"}),
    "no UNT": (without("UNT"), {"unt_missing"}),
    "no UNH": (without("UNH"), {"unh_missing", "unt_reference"}),
    "no UNZ": (without("UNZ"), set()),
    "cut after the count": (GOOD[: GOOD.index("UNT")], {"unt_missing"}),
    "UTF-16": (GOOD.encode("utf-16"), set()),
    "a released terminator": (GOOD.replace("ORAZOWA", "O?'RAZ??OWA?+"), set()),
    "a huge segment": (
        GOOD.replace("'GEI", f"'FTX+AAA+++{'x' * 900_000}'GEI", 1),
        {"segment_too_long"},
    ),
}
"""Broken, and still the same three persons."""


@pytest.mark.parametrize("name", SAME)
def test_what_does_not_change_the_meaning_is_read(tmp_path: Path, name: str) -> None:
    """The counts are those of the good list, and what was odd is counted."""
    content, expected = SAME[name]

    rows, _, reading = taken(tmp_path / "a.edi", content)

    assert [(row["pax_f"], row["pax_m"], row["list_ok"]) for row in rows] == [
        (2, 1, True)
    ]
    assert kinds(reading).keys() - {"segment_outside"} >= expected
    assert kinds(reading).keys() <= expected | {"unt_count", "segment_outside"}


DOUBTED: dict[str, tuple[str, set[str], int]] = {
    "a wrong control count": (
        interchange(message(PEOPLE, count="160")),
        {"control_count"},
        3,
    ),
    "no control count": (
        interchange(message(PEOPLE, count=None)),
        {"count_missing"},
        3,
    ),
    "a count that is no number": (
        interchange(message(PEOPLE, count="MANY")),
        {"count_unreadable", "count_missing"},
        3,
    ),
    "cut inside a person": (
        GOOD[: GOOD.rindex("DOC+")],
        {"count_missing", "unt_missing"},
        3,
    ),
    "a person lost in a huge segment": (
        GOOD.replace("'NAD+FL", f"'FTX+A+++{'x' * SEGMENT_MAX}?'NAD+FL", 1),
        {"segment_too_long", "control_count"},
        2,
    ),
    "a role that is none": (
        GOOD.replace("NAD+FL", "NAD+ZZ", 1),
        {"person_unknown", "control_count"},
        2,
    ),
}
"""Broken so that somebody may be missing."""


@pytest.mark.parametrize("name", DOUBTED)
def test_a_list_that_may_not_be_whole_says_so(tmp_path: Path, name: str) -> None:
    """Its counts are what is there, and its last column is false."""
    content, expected, persons = DOUBTED[name]

    rows, _, reading = taken(tmp_path / "a.edi", content)

    assert [(row["pax_total"], row["list_ok"]) for row in rows] == [(persons, False)]
    assert kinds(reading).keys() >= expected


REFUSED: dict[str, tuple[str, str]] = {
    "no flight": (interchange(message(PEOPLE, legs=())), "no leg"),
    "no home port": (GOOD.replace("ASB", "DXB"), "no leg"),
    "only home ports": (GOOD.replace("IST", "MYP"), "no leg"),
    "no flight number": (GOOD.replace("TDT+20+T5702+++T5", "TDT+20"), "flight number"),
    "no date": (GOOD.replace("DTM+232:2503050310:201", "DTM+232"), "no date"),
    "a date that does not exist": (GOOD.replace("250305", "251305"), "no date"),
    "an overflight": (GOOD.replace("TDT+20", "TDT+34"), "no leg"),
    "another message": (GOOD.replace("PAXLST:D", "CUSRES:D"), "no list"),
    "no BGM": (without("BGM"), "no BGM"),
    "a terminator lost inside a line": (
        GOOD.replace("LOC+87+ASB'", "LOC+87+ASB"),
        "no leg",
    ),
}
"""Broken so that it says nothing that can be counted."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_says_too_little_is_refused_and_the_rest_flows(
    tmp_path: Path, name: str
) -> None:
    """The refusal says which message and why; the next interchange is read."""
    content, why = REFUSED[name]

    rows, chunks, _ = taken(tmp_path / "a.edi", content + GOOD)

    refused = [one for chunk in chunks for one in chunk.rejected]
    assert [row["pax_total"] for row in rows] == [3]
    assert [one.column for one in refused] == ["message 1"]
    assert why in refused[0].what


def test_separators_are_not_guessed(tmp_path: Path) -> None:
    """Other separators without a UNA: nothing is read, and that is counted."""
    content = swapped("<*!~")[9:]

    rows, _, reading = taken(tmp_path / "a.edi", content)

    assert rows == []
    assert kinds(reading)["separators_unknown"] == 1


def test_deviations_are_counted_by_carrier(tmp_path: Path) -> None:
    """Whose lists are odd is what a person who calls the carrier must know."""
    other = [one.replace("T5", "TK") for one in ONE_LEG]
    odd = message([person(sex="Q")], legs=other)

    _, _, reading = taken(tmp_path / "a.edi", interchange(message(PEOPLE), odd))

    assert reading.deviations["sex_code_unknown", "TK"] == 1
    assert reading.deviations["sex_code_unknown", "T5"] == 0
    assert reading.deviations["reservation_data_left_out", "T5"] == 15


def test_a_new_una_begins_another_interchange(tmp_path: Path) -> None:
    """Interchanges in one file may have other separators, even without a UNZ."""
    content = without("UNZ") + swapped("<*!~") + "\r\n" + GOOD

    rows, _, reading = taken(tmp_path / "a.edi", content)

    assert [row["pax_total"] for row in rows] == [3, 3, 3]
    assert kinds(reading) == {"unz_missing": 1}


@pytest.mark.parametrize(
    "unit",
    ["x", "'", "?'", "UNB*", "UNA::::::", "UNB+'UNZ+'", "\nLOC+", "UNH+'", "+", "\n"],
)
@pytest.mark.parametrize("before", ["", "UNA:+.? '"])
def test_hostile_files_end(unit: str, before: str) -> None:
    """Whatever is repeated, reading ends soon."""
    content = before.encode() + unit.encode() * (300_000 // len(unit))
    started = time.process_time()

    for _ in segments(io.BytesIO(content)):
        pass

    assert time.process_time() - started < 10


def peak(content: bytes) -> int:
    """Most bytes held while a file is read, beside the file itself."""
    stream = io.BytesIO(content)
    tracemalloc.start()
    try:
        for _ in segments(stream):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", [b"x", b"?'", b"\nLOC+", b"UNH+' "])
def test_hostile_files_are_not_held(unit: bytes) -> None:
    """Four times the file is not more in memory."""
    small, large = (
        peak(b"UNB+'" + unit * (n // len(unit))) for n in (10**5, 4 * 10**5)
    )

    assert large < max(2 * small, 4 * PIECE_BYTES)


def cut_at(text: str, places: list[int]) -> Callable[[int], bytes]:
    """A reader that gives the text in pieces of chosen sizes."""
    stream = io.BytesIO(text.encode("latin-1", "replace"))
    sizes = iter(places)

    def read(size: int) -> bytes:
        return stream.read(min(size, next(sizes, size)))

    return read


class Pieces(io.RawIOBase):
    """A stream that gives as much as it likes."""

    def __init__(self, text: str, places: list[int]) -> None:
        self._read = cut_at(text, places)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, none at the end."""
        return self._read(size)


@given(places=st.lists(st.integers(1, 200), max_size=40))
def test_pieces_may_be_of_any_size(places: list[int]) -> None:
    """Where the file is cut while it is read changes nothing."""
    text = SAME["lines wrapped anywhere"][0]
    assert isinstance(text, str)
    whole = list(segments(io.BytesIO(text.encode())))

    cut = list(segments(Pieces(text, [2, *places])))  # type: ignore[arg-type] # all of it that is used

    assert cut == whole


@given(
    st.lists(
        st.one_of(
            st.sampled_from([f"{one}'" for one in GOOD.split("'")]),
            st.text("'+:?UNABHTZ\n LOC", max_size=20),
            st.text(max_size=30),
        ),
        max_size=40,
    )
)
def test_any_text_is_read_to_its_end(pieces: list[str]) -> None:
    """No text makes the parser raise, loop, or invent a tag."""
    found = list(segments(io.BytesIO("".join(pieces).encode("utf-8", "replace"))))

    for one in found:
        assert isinstance(one, Deviation) or (
            isinstance(one, Segment) and one.tag.isalnum() and one.elements()
        )


@given(
    places=st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.text("'+:?\n AUNZ9", max_size=3)),
        max_size=6,
    )
)
def test_damage_never_invents_persons(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[int, str]]
) -> None:
    """Text struck out or put in anywhere: rows stay within what was sent, or go."""
    text = GOOD
    for place, put in places:
        text = text[:place] + put + text[place + 1 :]
    path = tmp_path_factory.mktemp("damage") / "a.edi"

    rows, _, _ = taken(path, text)

    assert sum(row["pax_total"] for row in rows) <= len(PEOPLE)
