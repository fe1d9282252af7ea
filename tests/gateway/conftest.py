"""Gateways with releases of real tables; no broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.sdmx.releases import Log, close, release
from tests.gateway.house import House, house, served

TABLES = ("PRM_NEW", "STK_VEL", "REM_COST", "HTF_DET", "HTF_MEANS", "LAB_INJ")
"""One of every kind; HTF_MEANS is for members."""


@pytest.fixture
def empty(tmp_path: Path) -> House:
    """A gateway with nothing in its store."""
    return house(tmp_path)


@pytest.fixture(scope="package")
def full(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A gateway with two vintages of a few tables; nobody changes it."""
    made = house(tmp_path_factory.mktemp("gateway"))
    log = Log()
    release(log, TABLES, close(1))
    release(log, TABLES, close(2, vintage="R"))
    made.take(log)
    return made


@pytest.fixture(scope="package")
def url(full: House) -> Iterator[str]:
    """Where the full gateway answers."""
    with served(full) as address:
        yield address
