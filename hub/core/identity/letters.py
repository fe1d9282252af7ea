"""Letters of the scripts that names come in, as plain tables.

Rules:

- Turkmen Cyrillic to Latin is the official orthography of 1999: ``е`` is ``ýe`` at the
  start of a word, after a vowel and after ``й``; else ``e``.
- The rough table serves the normal form only: one letter or digraph for one sound,
  chosen so that Turkmen, Russian (ICAO 9303), Kazakh and Uzbek Cyrillic meet Latin
  spellings in :mod:`hub.core.identity.names`.
"""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    """``а=a б=b`` as a dictionary."""
    pairs = (pair.partition("=") for pair in text.split())
    return {letter: latin for letter, _, latin in pairs}


TURKMEN_LATIN = _table(
    "а=a б=b в=w г=g д=d е=e ё=ýo ж=ž җ=j з=z и=i й=ý к=k л=l м=m н=n ң=ň "
    "о=o ө=ö п=p р=r с=s т=t у=u ү=ü ф=f х=h ц=s ч=ç ш=ş щ=şç ъ= ы=y ь= э=e "
    "ә=ä ю=ýu я=ýa"
)
"""Turkmen Cyrillic letters, lower case; ``е`` has its own rule."""

CYRILLIC_VOWELS = frozenset("аеёиоөуүыэәюя")

ROUGH = str.maketrans(
    # Cyrillic: what Turkmen, Russian, Kazakh and Uzbek share.
    _table(
        "а=a б=b в=v г=g д=d е=e ё=io ж=j җ=j з=z и=i й=i к=k л=l м=m н=n ң=n "
        "о=o ө=o п=p р=r с=s т=t у=u ү=u ф=f х=h ц=s ч=j ш=s щ=sj ъ= ы=i ь= э=e "
        "ә=a ю=iu я=ia қ=k ғ=g ұ=u һ=h і=i ҳ=h ў=o ӯ=u ҷ=j ӣ=i є=e ї=i ґ=g ҝ=g"
    )
    # Latin letters with marks whose sound is not that of the bare letter.
    | _table(
        "ý=i ž=j ç=c ş=s š=s č=c ı=i ə=a ä=a ö=o ü=u ň=n ğ=g ģ=g đ=d ø=o ł=l "
        "ß=ss æ=a œ=o"
    )
)
"""Lower-case letters to the rough Latin that the folds of a name start from."""

LOOK_ALIKES = dict(zip("АВЕКМНОРСТУХІЅЈ", "ABEKMHOPCTYXISJ", strict=True))
"""Cyrillic capitals that are typed for Latin ones in document numbers."""

SERIES_LETTERS = _table(
    "Б=B Г=G Д=D Ё=E Ж=Z Җ=J З=Z И=I Й=Y Л=L Ң=N Ө=O П=P Ү=U Ф=F Ц=C Ч=C Ш=S "
    "Щ=S Ъ= Ы=Y Ь= Э=E Ә=A Ю=U Я=A Ä=A Ç=C Ň=N Ö=O Ş=S Ü=U Ý=Y Ž=Z"
)
"""Other letters of a document series, as the machine readable zone shortens them."""
