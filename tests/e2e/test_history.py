"""Four small sample years on a real hub: two vintages, two audits, every table."""

from __future__ import annotations

import pytest

from hub.core.catalogue.model import Catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.trials import history
from hub.trials.history import History

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PERSONS = 500
MISSING = "O"


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> History:
    """The last year as it ends, the one before as it was observed."""
    settings = Settings(home=Home(root=tmp_path_factory.mktemp("years")))
    with Supervisor(settings, Plan(), catalogue=catalogue) as hub:
        return history.run(
            hub.settings,
            catalogue,
            persons=PERSONS,
            years=4,
            wanted=[("2025", "P"), ("2024", "R")],
        )


def test_both_vintages_are_equal(years: History) -> None:
    """What was intended and what was observed, recounted from the inbound log."""
    cuts = [(one.close.period, one.close.vintage) for one in years.audits]

    assert cuts == [("2025", "P"), ("2024", "R")]
    assert years.verdict == "equal"
    assert all(one.cells > 1_000 for one in years.audits)


def test_no_table_is_missing(years: History, catalogue: Catalogue) -> None:
    """Every published table has figures that somebody declared."""
    spoken = {one.table for one in years.figures if one.status != MISSING}

    assert spoken == {t.id for t in catalogue.tables.values() if not t.internal}


def test_the_opening_file_is_compared(years: History) -> None:
    """Control totals of the first year against the stock of ordinary rows."""
    (control,) = years.audits[0].controls

    assert control.period == "2022"
    assert control.declared > 20
    assert abs(control.declared - control.counted) <= 0.1 * control.declared
