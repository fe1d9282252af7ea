"""Codes and their labels, as members see them.

Rules:

- ``_T`` (total) and ``_U`` (unknown) belong to no subject list; their labels come from
  the margin codelist and every published dimension ends with them.
- The order of codes is the order of the file, for good: codes are only appended.
"""

from __future__ import annotations

from hub.core.catalogue.model import Catalogue, Dimension, Field, Table, Text
from hub.core.catalogue.schemas import attributes

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

    A constraint for structures: a list may hold more than the table ever gives.
    """
    codes = published(catalogue, dimension)
    given = {TOTAL, dimension.other}
    field = _field(catalogue, table, dimension)
    if dimension.bands:
        given |= {code for code, _, _ in dimension.bands}
    elif field is None:
        return list(codes)
    else:
        sources = [*_sources(catalogue, field), *(dimension.mapping or ())]
        kept = [code for code in sources if _kept(table, field.name, code)]
        mapping = dimension.mapping or grouping(catalogue, table, dimension)
        given |= {mapping.get(code, code) if mapping else code for code in kept}
    return [code for code in codes if code in given]


def _field(catalogue: Catalogue, table: Table, dimension: Dimension) -> Field | None:
    if table.dataflow is None:
        return None
    fields = attributes(catalogue.dataflows[table.dataflow])
    return next((one for one in fields if one.name == dimension.field), None)


def _sources(catalogue: Catalogue, field: Field) -> list[str]:
    return list(catalogue.codelists[field.codelist].codes) if field.codelist else []


def _kept(table: Table, name: str, code: str) -> bool:
    """Whether the table's `where` lets a code of a field through."""
    for condition in table.where:
        if condition.field == name:
            value = condition.value
            among = value if isinstance(value, tuple) else (value,)
            inside = code in among
            if (condition.op in {"eq", "in"} and not inside) or (
                condition.op in {"ne", "not_in"} and inside
            ):
                return False
    return True


def grouping(
    catalogue: Catalogue, table: Table, dimension: Dimension
) -> dict[str, str]:
    """Code of the field → group code of the dimension; empty without a grouping."""
    field = _field(catalogue, table, dimension)
    if dimension.grouping is None or field is None or field.codelist is None:
        return {}
    return dict(catalogue.codelists[field.codelist].groups[dimension.grouping])


def label(catalogue: Catalogue, codelist: str, code: str, language: str) -> str:
    """The label of a code in a language (en, ru, tk); the code itself if unknown."""
    text = catalogue.codelists[codelist].codes.get(code)
    text = text or catalogue.codelists[MARGIN].codes.get(code)
    return str(getattr(text, language)) if text else code
