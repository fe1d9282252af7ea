"""Names: one person's spellings meet, two people's names stay apart."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.catalogue.model import Domain
from hub.core.identity.names import (
    Part,
    normal_form,
    normal_forms,
    slk_letters,
    strict_form,
    turkmen_latin,
)
from hub.edge.files import read_catalogue

PLACEHOLDERS = read_catalogue().linkage[Domain.MOBILITY].placeholders.names

# Turkmen Cyrillic and Latin as the 1993/1999 orthographies pair them.
GOLDEN = {
    "Велмәммедов": "Welmämmedow",
    "Гараҗаев": "Garajaýew",
    "Беллиев": "Belliýew",
    "Егенназар": "Ýegennazar",
    "Өрәев": "Öräýew",
    "Ёлдашов": "Ýoldaşow",
    "Җерен": "Jeren",
    "Энеҗан": "Enejan",
    "Сейит": "Seýit",
    "Таңрыгулиев": "Taňryguliýew",
    "Өвез": "Öwez",
    "Көрмолла": "Körmolla",
    "Аннагулыева": "Annagulyýewa",
    "Айсолтан": "Aýsoltan",
    "Досмәммет": "Dosmämmet",
}
RUSSIAN = "Ё=E Ж=ZH Й=I Х=KH Ц=TS Ч=CH Ш=SH Щ=SHCH Ы=Y Ь= Э=E Ю=IU Я=IA"
ICAO_RUSSIAN = dict(pair.split("=") for pair in RUSSIAN.split())
ICAO_LATIN = {"Ä": "AE", "Ç": "C", "Ň": "N", "Ö": "OE", "Ý": "Y", "Ü": "UE"}

FAMILIES = [
    ["GARAJAYEW", "GARADZHAEV", "Гараҗаев", "Гараджаев", "Garajaýew"],
    ["GARAJAYEWA", "GARADZHAEVA", "Гараҗаева", "Гараджаева", "Garajaýewa", "Garajaýew"],
    ["Belliýew", "BELLIYEW", "BELLIEV", "Беллиева", "Belliýewa"],
    ["Durdyýew", "DURDYYEWA", "DURDYEV", "Дурдыев", "Дурдыёв"],
    ["Ýoldaşow", "YOLDASOWA", "ELDASHOV", "IOLDASHOVA", "Ёлдашов", "Йолдашова"],
    ["Welmämmedow", "WELMAMMEDOW", "WELMAEMMEDOWA", "Велмаммедова", "VELMAMMEDOV"],
    ["Taňryguliýew", "TANRYGULIYEW", "Тангрыгулыева", "TANRYGULYEV"],
    ["Çaryýew", "CARYYEW", "CHARYEVA", "Чарыев"],
    ["Öräýew", "ORAYEW", "OERAEYEW", "Өрәева"],
    ["Дудинская", "DUDINSKAIA", "DUDINSKAYA", "Дудинский", "DUDINSKII"],
    ["Пушкина", "PUSHKIN", "Puşkin"],
    ["Nur-Muhammedow", "Nur Muhammedowa", "NURMUHAMMEDOW", "NUR<MUHAMMEDOW"],
]
GIVEN = [
    ["Gülşirin", "GULSIRIN", "GUELSIRIN", "GUXXLSIRIN", "Гульширин", "GULSHIRIN"],
    ["Ýegennazar", "YEGENNAZAR", "EGENNAZAR", "Егенназар"],
    ["Öwez", "OWEZ", "OEWEZ", "OVEZ", "Өвез", "Овез"],
    ["Şatlyk", "SATLYK", "SHATLYK", "Шатлык"],
    ["Muhammet", "Мухаммед", "MUKHAMMED", "Mohammad", "Muxammad"],
    ["Hüseýin", "HUSEYIN", "Hossein", "Хоссейн", "KHOSSEIN", "Гусейн"],
    ["Zahra", "Захра", "ZAKHRA", "Zahrah"],
    ["Mehmet Can", "Мехмет Джан", "MEHMET DZHAN"],
    ["Baxtiyor", "Бахтиёр", "BAKHTIER", "Bahtiýor"],
    ["Ýusup", "IUSUP", "Юсуп", "Yusuf", "Yousef"],
    ["Мария", "MARIIA", "Mariýa", "Maria"],
]
PATRONYMICS = [
    ["Amanowiç", "AMANOWIC", "Аманович", "AMANOVICH", "Aman oglu", "AMAN OGLY", "Aman"],
    ["Amanowna", "Амановна", "Aman gyzy", "Амангызы", "Aman o‘g‘li", "Aman"],
    ["Myradowiç", "Мурадовна", "MURADOVICH", "Myrat oglu"],
    ["Annaýewiç", "ANNAEVICH", "Аннаевна", "Anna gyzy"],
]
COMMON = """
    Aman Ata Annaberdi Baýram Begenç Berdi Çary Döwlet Durdy Eziz Gurban Guwanç
    Hasan Hemra Hojamyrat Hüseýin Işan Jora Kakajan Kerim Merdan Muhammet Myrat
    Nazar Nurýagdy Öwez Oraz Penji Rahym Rejep Resul Sapar Şatlyk Serdar Süleýman
    Täçmyrat Wepa Ýazmyrat Ýolbars Ýunus Ýusup Aýgül Aýna Aýnur Bahar Bossan Enejan
    Fatma Gözel Gülnar Gülşat Jemal Jeren Läle Mähri Maral Maýa Merjen Nurjemal
    Ogulgerek Oguljan Ogulnabat Selbi Şirin Sona Tawus Zöhre Züleýha
"""
APART = COMMON.split()
LETTERS = "abdegijklmnoprstuwyzäöüçňşýžабвгдежзийклмнопрстуфхцчшыэюяҗңөүә"


@pytest.mark.parametrize(("cyrillic", "latin"), GOLDEN.items())
def test_turkmen_cyrillic_becomes_the_latin_orthography(
    cyrillic: str, latin: str
) -> None:
    """Golden pairs of the two Turkmen alphabets."""
    assert turkmen_latin(cyrillic) == latin
    assert strict_form(cyrillic) == strict_form(latin)
    assert normal_form(cyrillic, Part.FAMILY) == normal_form(latin, Part.FAMILY)
    assert normal_form(cyrillic, Part.GIVEN) == normal_form(latin, Part.GIVEN)


@pytest.mark.parametrize(
    ("part", "spellings"),
    [
        *((Part.FAMILY, names) for names in FAMILIES),
        *((Part.GIVEN, names) for names in GIVEN),
        *((Part.PATRONYMIC, names) for names in PATRONYMICS),
    ],
)
def test_spellings_of_one_name_meet(part: Part, spellings: list[str]) -> None:
    """Script, table, gender ending and marks do not make another name."""
    assert len({normal_form(spelling, part) for spelling in spellings}) == 1


@pytest.mark.parametrize("name", APART)
def test_russian_icao_spelling_meets_the_russian_letters(name: str) -> None:
    """What ICAO 9303 writes for Russian letters ends where the letters end."""
    russian = name.translate(str.maketrans("äöüçňşýžÇÖÝŞ", "аоучншйжЧОЙШ"))
    russian = russian.lower().translate(
        str.maketrans("abdegijklmnoprstuwyzhf", "абдегижклмнопрстувызхф")
    )
    upper = russian.upper()
    icao = "".join(ICAO_RUSSIAN.get(letter, letter) for letter in upper)

    assert normal_form(russian, Part.GIVEN) == normal_form(icao, Part.GIVEN)


@pytest.mark.parametrize("name", APART)
def test_icao_latin_spelling_meets_the_turkmen_letters(name: str) -> None:
    """What a machine readable zone writes for Turkmen letters ends where they end."""
    upper = name.upper()
    zone = "".join(ICAO_LATIN.get(letter, letter) for letter in upper)

    assert normal_form(name, Part.GIVEN) == normal_form(zone, Part.GIVEN)


def test_different_names_stay_apart() -> None:
    """Common given names keep distinct skeletons, twins' names too."""
    forms = {name: normal_form(name, Part.GIVEN) for name in APART}

    assert len(set(forms.values())) == len(APART)
    assert None not in forms.values()


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "X", "XXX", "123", "unknown", "NO NAME", "ÝOK", "Неизвестно", "A."],
)
def test_a_placeholder_is_no_name(text: str) -> None:
    """Words and signs that stand for a missing name give nothing to compare."""
    assert normal_form(text, Part.GIVEN, PLACEHOLDERS) is None


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Smith", "MIH"), ("Jones", "ONS"), ("Farr", "AR2"), ("Hua", "UA2")],
)
def test_slk_letters_are_those_of_the_standard(name: str, letters: str) -> None:
    """Known answers of SLK-581 for family names."""
    assert slk_letters(name, (2, 3, 5)) == letters


@settings(deadline=None)
@given(st.text(LETTERS, min_size=3, max_size=12), st.sampled_from(["ow", "ew", "ýew"]))
def test_the_feminine_ending_changes_nothing(stem: str, ending: str) -> None:
    """A married daughter's -owa is her father's -ow."""
    assert normal_form(stem + ending, Part.FAMILY) == normal_form(
        stem + ending + "a", Part.FAMILY
    )


@settings(deadline=None)
@given(st.text(LETTERS + " -'", max_size=15), st.sampled_from(Part))
def test_case_and_composition_change_nothing(text: str, part: Part) -> None:
    """Capitals, decomposed marks and apostrophes are not part of a name."""
    form = normal_form(text, part)

    assert normal_form(text.upper(), part) == form
    assert normal_form(unicodedata.normalize("NFD", text), part) == form
    assert normal_form(text.replace("'", ""), part) == form


@settings(deadline=None)
@given(st.text(max_size=300), st.sampled_from(Part))
def test_any_text_is_survived(text: str, part: Part) -> None:
    """No text raises, and what comes out has letters only."""
    form = normal_form(text, part)

    assert form is None or form.isalpha()
    assert strict_form(text) == "" or strict_form(text).isalpha()


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(APART + FAMILIES[0] + ["", "X"])))
def test_a_column_folds_like_its_values(names: list[str | None]) -> None:
    """The vectorised form is the scalar one, row by row."""
    column = pl.Series(names, dtype=pl.String)
    expected = [normal_form(name or "", Part.FAMILY) for name in names]

    assert normal_forms(column, Part.FAMILY).to_list() == expected
