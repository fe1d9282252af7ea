"""One name, spelled as the papers of five offices spell it.

Rules:

- Written apart from :mod:`hub.core.identity.names` on purpose: the sample must not be
  spelled with the tables that undo it.
- Turkmen Latin is the orthography of 1999, Cyrillic the one before it; machine readable
  zones follow ICAO 9303, from the owner's own script or from a Russian spelling.
"""

from __future__ import annotations

from enum import IntEnum

VOWELS_LATIN = "aäeioöuüyAÄEIOÖUÜY"
_VOWELS = "аәеёиоөуүыэюяӯў"


class Form(IntEnum):
    """Which spelling; also the index of a form in a table of names."""

    LATIN = 0  # Turkmen Latin, as in a national paper
    CYRILLIC = 1  # Turkmen Cyrillic, as in older registers
    RUSSIAN = 2  # Russian letters only
    ZONE = 3  # machine readable zone from the owner's script
    ZONE_RUSSIAN = 4  # machine readable zone from the Russian spelling


def _pairs(text: str) -> dict[str, str]:
    """A table from ``written:read`` pairs."""
    return dict(pair.split(":") for pair in text.split())


_TO_CYRILLIC = _pairs(
    "a:а b:б ç:ч d:д ä:ә f:ф g:г "
    "h:х i:и j:җ ž:ж k:к l:л m:м "
    "n:н ň:ң o:о ö:ө p:п r:р s:с "
    "ş:ш t:т u:у ü:ү w:в y:ы z:з"
)
_SOFT = {"ýa": "я", "ýo": "ё", "ýu": "ю", "ýe": "е"}
_TO_RUSSIAN = _pairs("җ:дж ң:н ө:о ү:у ә:а ў:у ғ:г қ:к ҳ:х ұ:у һ:х і:и")
_TO_LATIN = _pairs(
    "а:a б:b в:w г:g д:d ж:ž з:z "
    "и:i й:ý к:k л:l м:m н:n о:o "
    "п:p р:r с:s т:t у:u ф:f х:h "
    "ц:s ч:ç ш:ş щ:şç ъ: ы:y ь: "
    "э:e ю:ýu я:ýa ё:ýo"
)
_RUSSIAN_ZONE = _pairs(
    "а:A б:B в:V г:G д:D е:E ё:E "
    "ж:ZH з:Z и:I й:I к:K л:L м:M "
    "н:N о:O п:P р:R с:S т:T у:U "
    "ф:F х:KH ц:TS ч:CH ш:SH щ:SHCH "
    "ъ:IE ы:Y ь: э:E ю:IU я:IA"
)
_OWN_ZONE = _pairs(
    "ä:AE ç:C ň:N ö:OE ý:Y ü:UE ş:S "
    "ž:Z ı:I ğ:G i̇:I "
    "ў:O ғ:G қ:Q ҳ:H ж:J х:X ё:YO "
    "ю:YU я:YA й:Y "
    "ә:A ң:N ө:O ү:U ұ:U һ:H і:I"
)
_ENGLISH = (
    *(("kh", "х"), ("gh", "г"), ("zh", "ж"), ("sh", "ш"), ("ch", "ч"), ("ya", "я")),
    *(("yu", "ю"), ("ee", "и"), ("oo", "у"), ("ph", "ф"), ("th", "т"), ("j", "дж")),
    *(("ai", "ай"), ("x", "кс"), ("q", "к"), ("c", "к"), ("w", "в"), ("y", "й")),
    *(("a", "а"), ("b", "б"), ("d", "д"), ("e", "е"), ("f", "ф"), ("g", "г")),
    *(("h", "х"), ("i", "и"), ("k", "к"), ("l", "л"), ("m", "м"), ("n", "н")),
    *(("o", "о"), ("p", "п"), ("r", "р"), ("s", "с"), ("t", "т"), ("u", "у")),
    *(("v", "в"), ("z", "з"), ("ı", "ы"), ("ö", "о"), ("ü", "у"), ("ç", "ч")),
    *(("ş", "ш"), ("ğ", "г")),
)


def spell(name: str, script: str) -> tuple[str, str, str, str, str]:
    """The five forms of a name that a pool writes in `script`, by :class:`Form`."""
    low = name.replace("İ", "i").lower()
    if script == "turkmen":
        cyrillic = _cyrillic(low)
        russian = _russian(cyrillic)
        latin, zone = low, _zone(low)
    elif script in ("latin", "turkish"):
        cyrillic = russian = _from_english(
            low.replace("c", "дж") if script == "turkish" else low
        )
        latin = _latin(russian)
        zone = _zone(low)
    else:
        russian = _russian(low)
        cyrillic, latin = russian, _latin(russian)
        zone = _zone(low) if script == "uzbek" else _kazakh_zone(low)
    return (
        latin.capitalize(),
        cyrillic.capitalize(),
        russian.capitalize(),
        zone.upper(),
        "".join(_RUSSIAN_ZONE.get(letter, "") for letter in russian),
    )


def _cyrillic(latin: str) -> str:
    """Turkmen Latin in Turkmen Cyrillic."""
    out, place = "", 0
    while place < len(latin):
        pair = latin[place : place + 2]
        # Inside a word й + е is written е only after a vowel; at the start always.
        if pair in _SOFT:
            out += _SOFT[pair]
            place += 2
            continue
        letter = latin[place]
        if letter == "ý":
            out += "й"
        elif letter == "e":
            out += "э" if not out or out[-1] in _VOWELS else "е"
        else:
            out += _TO_CYRILLIC.get(letter, letter)
        place += 1
    return out


def _russian(cyrillic: str) -> str:
    """Any Cyrillic in Russian letters."""
    return "".join(_TO_RUSSIAN.get(letter, letter) for letter in cyrillic)


def _latin(russian: str) -> str:
    """Russian letters in Turkmen Latin."""
    out, before = "", ""
    for letter in russian:
        if letter == "е":
            out += "ýe" if not before or before in _VOWELS or before == "й" else "e"
        else:
            out += _TO_LATIN.get(letter, letter)
        before = letter
    return out


def _zone(own: str) -> str:
    """The machine readable zone of a name in its owner's script."""
    plain = {**_RUSSIAN_ZONE, **_OWN_ZONE}
    return "".join(plain.get(letter, letter.upper()) for letter in own)


def _kazakh_zone(own: str) -> str:
    """Kazakh and Russian passports: ICAO's table, with Kazakh letters bare."""
    kazakh = {"қ": "K", "ғ": "G"} | {
        letter: _OWN_ZONE[letter] for letter in ("ә", "ң", "ө", "ү", "ұ", "һ", "і")
    }
    return "".join({**_RUSSIAN_ZONE, **kazakh}.get(letter, "") for letter in own)


def _from_english(latin: str) -> str:
    """A name in English or Turkish letters as Russian officials hear it."""
    for written, heard in _ENGLISH:
        latin = latin.replace(written, heard)
    return latin.replace("i̇", "и")
