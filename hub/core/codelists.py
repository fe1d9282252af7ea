"""Codes and their labels, as members see them.

Rules:

- ``_T`` (total) and ``_U`` (unknown) belong to no subject list; their labels come from
  the margin codelist and every published dimension ends with them.
- The order of codes is the order of the file, for good: codes are only appended.
"""

from __future__ import annotations

from hub.core.catalogue.model import Catalogue, Dimension, Table, Text

TOTAL = "_T"
UNKNOWN = "_U"
MARGIN = "CL_MARGIN"
SEX = "CL_SEX"
AREA = "CL_AREA"
PUBLISHED_SEX = ("F", "M", "_OUN", "_T")


def published(catalogue: Catalogue, dimension: Dimension) -> dict[str, Text]:
    """The codes a dimension can show, in order, with the total last."""
    codes = dict(catalogue.codelists[dimension.codelist].codes)
    codes.pop(TOTAL, None)
    margins = catalogue.codelists[MARGIN].codes
    if dimension.other not in codes:
        codes[dimension.other] = margins[dimension.other]
    return codes | {TOTAL: margins[TOTAL]}


def reached(catalogue: Catalogue, table: Table, dimension: Dimension) -> list[str]:
    """The codes that rows of a table can come to, in the order of the codelist.

    A constraint for structures: a list may hold more than the mapping ever gives.
    """
    codes = published(catalogue, dimension)
    given = {TOTAL, dimension.other}
    if dimension.mapping is not None:
        given |= set(dimension.mapping.values())
    elif dimension.bands:
        given |= {code for code, _, _ in dimension.bands}
    elif dimension.grouping is not None and table.dataflow and dimension.field:
        given |= set(grouping(catalogue, table, dimension).values())
    else:
        return list(codes)
    return [code for code in codes if code in given]


def grouping(
    catalogue: Catalogue, table: Table, dimension: Dimension
) -> dict[str, str]:
    """Code of the field → group code of the dimension; empty without a grouping."""
    if dimension.grouping is None or table.dataflow is None:
        return {}
    for field in catalogue.dataflows[table.dataflow].fields:
        if field.name == dimension.field and field.codelist:
            return dict(catalogue.codelists[field.codelist].groups[dimension.grouping])
    return {}


def label(catalogue: Catalogue, codelist: str, code: str, language: str) -> str:
    """The label of a code in a language (en, ru, tk); the code itself if unknown."""
    text = catalogue.codelists[codelist].codes.get(code)
    text = text or catalogue.codelists[MARGIN].codes.get(code)
    return str(getattr(text, language)) if text else code
