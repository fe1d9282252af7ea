"""A catalogue, a table, and logs in memory in the place of a broker's."""

from __future__ import annotations

import pytest

from hub.client import manifests, subscription
from hub.core.catalogue.model import Catalogue, Table
from hub.core.keys import HUB, Key, KeyRegistry, Use
from hub.edge import keyring
from hub.edge.files import read_catalogue
from tests.client.logs import KEY, Logs


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


@pytest.fixture
def table(catalogue: Catalogue) -> Table:
    """A table with two dimensions."""
    return catalogue.tables["PRM_NEW"]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Logs:
    """Empty logs that the client reads instead of a broker's."""
    made = Logs()
    uses: tuple[Use, ...] = ("release", "control")
    registry = KeyRegistry(
        keys={
            f"hub-{use}-2025-01": Key(
                key_id=f"hub-{use}-2025-01",
                use=use,
                member=HUB,
                public=KEY.public_key().public_bytes_raw(),
            )
            for use in uses
        }
    )
    for module in (subscription, manifests):
        monkeypatch.setattr(module, "Feed", made.feed)
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(keyring, "registry", lambda _: registry)
    return made
