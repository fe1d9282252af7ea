"""One normal form for the spellings of one name.

Rules (design §5):

- Turkmen Latin and its bare machine readable zone, Turkmen and Russian Cyrillic,
  ICAO 9303 transliteration, Uzbek, Kazakh, Turkish and Persian passport spellings of a
  name end in one skeleton; so do the feminine and the masculine form of a family name.
- What is folded is spelling, not sound: vowels stay, so that twins with alike names
  (Hasan and Hüseýin) stay two people. Letters that some spelling really confuses are
  one: ``ş``/``s``, ``ž``/``z`` and ``ç``/``c``/``j`` (marks are lost in the machine
  readable zone, ``c`` is ``j`` in Turkish), ``y``/``i``, ``w``/``v``, ``h``/``kh``,
  ``o``/``u`` with their marked forms.
- A placeholder (unknown, none, one letter) is no name: null.
- Pure; results live in a bounded cache of the process, never in state.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

import polars as pl

from hub.core.identity.letters import CYRILLIC_VOWELS, ROUGH, TURKMEN_LATIN

NAME_LENGTH_MAX = 200
CACHE_NAMES_MAX = 100_000


class Part(StrEnum):
    """Which name it is: endings belong to families and patronymics only."""

    FAMILY = "family"
    GIVEN = "given"
    PATRONYMIC = "patronymic"


_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_<.,/]+")

_FOLDS = (
    *(("uxx", "u"), ("kh", "h"), ("gh", "g"), ("ph", "f"), ("th", "t")),
    # ж җ дж ч, and the bare c and z that ç and ž leave in the machine readable zone.
    *(("zh", "j"), ("tch", "j"), ("ch", "j"), ("c", "j"), ("z", "j"), ("dj", "j")),
    # ş loses its mark there too; ц is s in Turkmen.
    *(("sh", "s"), ("ts", "s"), ("q", "k"), ("w", "v"), ("y", "i")),
)
"""Consonants, in this order: what one spelling writes, what all of them become."""

_RUSSIAN_X = re.compile("(?<=ale)x|(?<=fe)x|(?<=ma)x(?=im|$)|(?<=o)x(?=an)|x(?=eni)")

_SETTLING = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("ng", "n"),  # ң, ň
        ("ou|oo", "u"),
        ("i+", "i"),
        ("iee|i[oe]", "e"),  # ё is E, ýe is E, ъ is IE in ICAO 9303
        ("(?<=[^aeiou])i(?=u|a.)", ""),  # Гюль, Мяти: softness, not a vowel
        ("ee", "i"),
        ("(?<=[aou])e", ""),  # AE, OE, UE of ä, ö, ü
        ("(?<=[aeiou])h$", ""),  # Abdullah, Fatemeh
        ("o", "u"),  # oʻ loses its mark, ö is ё, ю or о by ear
        (r"(.)\1+", r"\1"),
        ("d$", "t"),  # Muhammed, Muhammet
        ("b$", "p"),
    )
)

_ELEMENTS = {
    "muham[ae][dt]": "muhamet",
    "[hg]us[ae]in": "husein",
    "ahm[ae][dt]": "ahmet",
    "mahm[ui][dt]": "mahmut",
    "m[ui]ra[dt]": "mirat",
    "ius[ue][fpb]": "iusup",
    "fat[ei]m[ae]": "fatima",
    "[ei]brahim": "ibrahim",
    "[ei]sma[ei]?l": "ismail",
    "abd[ui]l": "abdul",
    "[gk]urb[au]n": "gurban",
    "[gk]el[dt]i?": "geldi",
    "[gk]uli?$": "guli",
    "jun$": "jan",
    "^m[ae]r[ae]m$": "meriem",
}
"""Elements that Persian, Uzbek and Russian documents spell by ear, in folded text."""

_ELEMENT = re.compile("|".join(f"({pattern})" for pattern in _ELEMENTS))
_ELEMENT_FORMS = ("", *_ELEMENTS.values())

_FAMILY_ENDING = re.compile(r"^(..+?)i*[eo]va?$")
_RUSSIAN_ENDINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("^(..+)sk(?:aia|a|i+)$", r"\1sk"),
        ("^(...+)(?:aia|oi)$", r"\1"),
        ("^(..+in)a$", r"\1"),
    )
)
_PATRONYMIC_ENDING = re.compile(r"^(..+?)i*[eo]v(?:i+j|na)$")
_KINSHIP = re.compile(r"^(..+)(?:ogl[ui]|ogl[uo]u|[gk]i+ji)$")
_KINSHIP_WORDS = frozenset(
    {"oglu", "ogli", "oglou", "oglo", "giji", "kiji", "uli", "uulu", "bin", "bint"}
)


def turkmen_latin(text: str) -> str:
    """Turkmen Cyrillic in the Latin orthography; other letters stay as they are."""
    written: list[str] = []
    before = ""
    for letter in unicodedata.normalize("NFC", text):
        low = letter.lower()
        latin = TURKMEN_LATIN.get(low)
        if latin is None:
            written.append(letter)
        else:
            if low == "е" and (
                not before.isalpha() or before in CYRILLIC_VOWELS or before == "й"
            ):
                latin = "ýe"
            upper = letter != low
            written.append(latin[:1].upper() + latin[1:] if upper else latin)
        before = low
    return "".join(written)


def strict_form(text: str) -> str:
    """Script, case, marks and separators folded, nothing else; "" if no letter is left.

    Two texts of one strict form are one spelling written in two alphabets.
    """
    latin = turkmen_latin(text).lower().replace("ı", "i")
    bare = unicodedata.normalize("NFKD", latin)
    return "".join(letter for letter in bare if letter.isalpha())


@lru_cache(maxsize=CACHE_NAMES_MAX)
def normal_form(
    text: str, part: Part, placeholders: frozenset[str] = frozenset()
) -> str | None:
    """The skeleton of one name, or None for a placeholder.

    Args:
        text: The name as written.
        part: Which name it is.
        placeholders: Words written where no name is known, joined and in lower case.
    """
    lowered = unicodedata.normalize("NFC", text[:NAME_LENGTH_MAX]).lower()
    words = [_letters(word) for word in _SEPARATORS.split(lowered)]
    joined = "".join(words)
    if len(joined) < 2 or joined in placeholders or set(joined) == {"x"}:
        return None
    skeletons = [_stem(_rough(word), part) for word in words if word]
    return _settled("".join(skeletons)) or None


def normal_forms(
    names: pl.Series, part: Part, placeholders: frozenset[str] = frozenset()
) -> pl.Series:
    """:func:`normal_form` of a column: each distinct name is folded once."""
    known = names.unique().drop_nulls()
    folded = [normal_form(name, part, placeholders) for name in known.to_list()]
    return names.replace_strict(
        known, pl.Series(folded, dtype=pl.String), default=None, return_dtype=pl.String
    )


def slk_letters(name: str, places: tuple[int, ...]) -> str:
    """Letters of a name at `places` (from 1), as in AIHW's SLK-581; 2 where none is."""
    letters = strict_form(name).upper()
    return "".join(
        letters[place - 1] if place <= len(letters) else "2" for place in places
    )


def _letters(word: str) -> str:
    """The word without apostrophes, digits and signs."""
    return word if word.isalpha() else "".join(filter(str.isalpha, word))


def _rough(word: str) -> str:
    """One letter for one consonant; `i` for every y; marks gone."""
    rough = word.translate(ROUGH)
    if not rough.isascii():
        bare = unicodedata.normalize("NFKD", rough)
        rough = "".join(filter(str.isalpha, bare))
    for written, folded in _FOLDS:
        rough = rough.replace(written, folded)
    if "x" in rough:  # ks in Russian names, h in Uzbek ones
        rough = _RUSSIAN_X.sub("ks", rough).replace("x", "h")
    return rough


def _stem(word: str, part: Part) -> str:
    """The word without the ending that says whose family or child it is."""
    if part is Part.GIVEN:
        return word
    if part is Part.PATRONYMIC:
        if word in _KINSHIP_WORDS:
            return ""
        word = _KINSHIP.sub(r"\1", word)
        word = _PATRONYMIC_ENDING.sub(r"\1", word)
    word = _FAMILY_ENDING.sub(r"\1", word)
    for pattern, replacement in _RUSSIAN_ENDINGS:
        word = pattern.sub(replacement, word)
    # The y of Durdyýew and the soft sign of Соловьёв look alike, and ICAO drops one.
    bare = word.rstrip("i")
    return bare if len(bare) > 1 else word


def _settled(word: str) -> str:
    """Vowels in one spelling, doubled letters single, known elements in one form."""
    for pattern, replacement in _SETTLING:
        word = pattern.sub(replacement, word)
    return _ELEMENT.sub(_known_form, word)


def _known_form(match: re.Match[str]) -> str:
    """The one form of the element that matched."""
    return _ELEMENT_FORMS[match.lastindex or 0]
