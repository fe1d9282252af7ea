"""One embedded broker, with topics and access table, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.core.catalogue.model import Catalogue
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


@pytest.fixture(scope="session")
def bare_hub(
    tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue
) -> Iterator[Supervisor]:
    """A hub without agents: broker, topics, access table, keys, certificates."""
    settings = Settings(home=Home(root=tmp_path_factory.mktemp("hub")))
    with Supervisor(settings, Plan(workers={}, quick=True), catalogue=catalogue) as hub:
        yield hub
