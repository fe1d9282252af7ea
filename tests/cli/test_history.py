"""What may be imported: nothing over what stands, however it is cut."""

from __future__ import annotations

import pytest

from hub.cli.history import standing
from hub.core.catalogue.calendar import Released
from hub.edge.files import read_catalogue

TABLE = read_catalogue().tables["XNG_EVT"]


@pytest.mark.parametrize("vintage", ["P", "R", "F"])
@pytest.mark.parametrize("stands", ["2025-03", "2025-Q1", "2025"])
def test_a_period_of_which_anything_stands_is_not_imported(
    stands: str, vintage: str
) -> None:
    """A release of the year has its months, whatever it is called."""
    released = {Released(TABLE.id, stands, vintage)}

    assert standing(TABLE, ["2025-03", "2024-12"], released) == ["2025-03"]
    assert standing(TABLE, ["2025"], released) == ["2025"]
    assert standing(TABLE, ["2025-03"], {Released("OTHER", stands, vintage)}) == []
