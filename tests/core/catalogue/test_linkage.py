"""What identifies a person is declared: read, checked, and part of the digest."""

from __future__ import annotations

import re
from functools import cache

import pytest

from hub.core.catalogue.growth import breaks
from hub.core.catalogue.load import load
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import CatalogueError
from hub.core.identity.forms import FORMS
from hub.edge.files import catalogue_folder, read_files, read_schemas

PATH = "linkage.toml"


@cache
def _shipped() -> tuple[dict[str, bytes], dict[str, str]]:
    return read_files(catalogue_folder()), read_schemas()


def changed(old: str, new: str) -> Catalogue:
    """The catalogue with `old` replaced in its linkage file."""
    files, schemas = _shipped()
    text = files[PATH].decode()
    assert old in text, "the test no longer fits the catalogue"
    return load(files | {PATH: text.replace(old, new, 1).encode()}, schemas)


WRONG = {
    "no such domain": ("[HEALTH]", "[HELTH]", "did you mean 'HEALTH'?"),
    "a domain without persons": ("[HEALTH]", "[NONE]", "found 'NONE'"),
    "a domain is missing": ("[HEALTH]", "[CONSULAR.x]", "key HEALTH: expected a table"),
    "cap": ("cap = 64", "cap = 0", "key MOBILITY.cap: expected 1 to 256, found 0"),
    "form": ('"number" }', '"numbr" }', "found 'numbr'; did you mean 'number'?"),
    "form of another field": (
        'field = "doc_no", form = "number"',
        'field = "doc_no", form = "given"',
        "expected a form for doc_no, found 'given'; known: number",
    ),
    "field": ('"case_ref"', '"case_no"', "did you mean 'case_ref'?"),
    "field of another block": (
        'field = "case_ref", form = "text"',
        'field = "doc_no", form = "number"',
        "key PROTECTION.components.case.field: expected one of member, case_ref",
    ),
    "length": ("length = 3", "length = 0", "length: expected 1 to 20, found 0"),
    "component below": (
        'of = ["doc_no"]',
        'of = ["given"]',
        "doc_digits.of[0]: expected a component that stands above, found 'given'",
    ),
    "too few components": (
        'of = ["family", "given_as_family"]',
        'of = ["family"]',
        'expected 2 components for either_order, found ["family"]',
    ),
    "a component nobody names": (
        '"birth_either"',
        '"birth_day"',
        "key MOBILITY.components.birth_either: expected a component that a composite",
    ),
    "no such component": ('["personal_no"]', '["personal"]', "found 'personal'"),
    "tiers out of order": ("tier = 3", "tier = 2", "expected 3 to 253, ascending"),
    "a birth date alone": (
        '["names", "birth_day"]',
        '["birth_day", "birth_date"]',
        "composites[2].components: expected more than a birth date",
    ),
    "a composite twice": (
        '["names", "birth_day"]',
        '["personal_no"]',
        "composites[2].components: expected other components",
    ),
    "no composite": (
        'composites = [{ tier = 0, components = ["member", "case"], exclusive = true }',
        "composites = [",
        "key PROTECTION.composites: expected at least one, found nothing",
    ),
    "exclusive where it cannot be": (
        "tier = 1\n",
        "tier = 1\nexclusive = true\n",
        "composites[1].exclusive: expected false but for tier 0",
    ),
    "a date that is none": ("1901-01-01", "1901-13-01", "birth_dates[1]: expected a"),
    "a name with a blank": ('"noname"', '"no name"', "names[1]: expected lower-case"),
    "digits": ("digits_min = 4", "digits_min = 9", "digits_min: expected 1 to 8"),
    "a key too much": ("digits_min = 4", "digit_min = 4", "expected a known key"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str) -> None:
    """Key, what was expected, what was found, and how to mend it."""
    old, new, said = WRONG[case]

    with pytest.raises(CatalogueError, match=re.escape(said)) as caught:
        changed(old, new)
    assert str(caught.value).startswith("catalogue/linkage.toml: key ")


def test_the_file_must_be_there() -> None:
    """A catalogue that says nothing about persons is none."""
    files, schemas = _shipped()
    some = {path: content for path, content in files.items() if path != PATH}

    with pytest.raises(CatalogueError, match=r"linkage\.toml: key \(path\)"):
        load(some, schemas)


def test_linkage_is_part_of_the_digest() -> None:
    """A worker with another linkage holds another bundle."""
    files, schemas = _shipped()
    plain = load(files, schemas)

    assert changed("cap = 64", "cap = 65").digest != plain.digest
    assert changed("# Who", "# What").digest == plain.digest


def test_a_number_on_the_list_is_spelt_like_any() -> None:
    """The list of placeholders may use any spelling."""
    found = changed("numbers = []", 'numbers = ["AB 123-000", "ав 77"]')

    assert found.linkage[Domain.MOBILITY].placeholders.numbers == {"AB123000", "AB77"}


def test_composites_are_appended_and_nothing_else() -> None:
    """Old records keep their keys, and state what was joined by them."""
    files, schemas = _shipped()
    old = load(files, schemas)
    last = old.linkage[Domain.MOBILITY].composites[-1].tier
    parts = '["doc_no", "sex", "given"]'
    more = f"\n[[MOBILITY.composites]]\ntier = {last + 1}\ncomponents = {parts}\n"
    anchor = "\n# The unlinked domains"

    assert breaks(old, changed(anchor, more + anchor)) == []
    assert breaks(old, changed("cap = 64", "cap = 65")) == [
        "linkage/MOBILITY: cap was 64; keep it"
    ]
    assert breaks(old, changed("exclusive = true", "exclusive = false")) == [
        "linkage/MOBILITY: tier 0 removed or changed; append a new one"
    ]
    assert breaks(old, changed("[PROTECTION]\ncap = 64", "[PROTECTION]\ncap = 9")) == [
        "linkage/PROTECTION: cap was 64; keep it"
    ]
    without = re.compile(r"\[\[MOBILITY.composites\]\]\ntier = 4\n.*\n")
    found = without.search(files[PATH].decode())
    assert found is not None
    gone = changed(found.group(), "")
    assert breaks(old, gone) == [
        "linkage/MOBILITY: tier 4 removed or changed; append a new one"
    ]
    assert breaks(gone, old) == [
        "linkage/MOBILITY: tier 4 is new below old ones; append it"
    ]


def test_every_form_is_used() -> None:
    """No rule of code that the shipped catalogue does not need."""
    files, schemas = _shipped()
    used = {
        component.form
        for linkage in load(files, schemas).linkage.values()
        for component in linkage.components.values()
    }

    assert used == set(FORMS)
