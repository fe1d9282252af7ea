"""Search over indicators in three languages at once.

Rules (docs/dashboard.md, "Search"):

- Letters are folded: case, accents and the letters of Turkmen that a foreign keyboard
  lacks (``ş`` as ``s``, ``ž`` as ``z``), and ``ё`` as ``е``; so nobody has to guess.
- Every word has to be found somewhere in what is known of a table, in any language.
- Those whose id or title has all the words come first.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from hub.core.catalogue.model import Catalogue, Table, Text

WORDS_MAX = 12
QUERY_MAX = 200


def fold(text: str) -> str:
    """Text as it is compared: lower case, letters without their marks."""
    for _ in range(2):  # what a compatibility form stands for may have case again
        parts = unicodedata.normalize("NFKD", text).casefold()
        text = "".join(one for one in parts if not unicodedata.combining(one))
    return text


def words(query: str) -> list[str]:
    """The words of a query, folded; a long one is cut."""
    return fold(query[:QUERY_MAX]).replace("_", " ").split()[:WORDS_MAX]


def matching(catalogue: Catalogue, tables: Iterable[Table], query: str) -> list[Table]:
    """Tables in which every word is found, the closest first; all without words."""
    wanted = words(query)
    ranked = []
    for table in tables:
        near = _near(table)
        whole = near + _far(catalogue, table)
        if all(one in whole for one in wanted):
            ranked.append((not all(one in near for one in wanted), table))
    return [table for _, table in sorted(ranked, key=lambda pair: pair[0])]


def _near(table: Table) -> str:
    name = table.id.replace("_", " ")
    return fold(f" {name} {table.id.replace('_', '')} {_all(table.title)} ")


def _far(catalogue: Catalogue, table: Table) -> str:
    """Definition, custodian, frameworks, and the names of breakdowns."""
    concepts = catalogue.codelists["CL_CONCEPT"].codes
    texts = [table.definition, table.population_base]
    for one in table.dimensions:
        texts.append(catalogue.codelists[one.codelist].title)
        if one.id in concepts:
            texts.append(concepts[one.id])
    if table.custodian in catalogue.members:
        texts.append(catalogue.members[table.custodian].title)
    return fold(f" {' '.join(map(_all, texts))} {' '.join(table.references)} ")


def _all(text: Text) -> str:
    return f"{text.en} {text.ru} {text.tk}"
