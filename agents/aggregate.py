"""Agent aggregate: changes to cells, and a snapshot of them at every cut.

Reads its own keys and nothing else; everything it does is in :mod:`hub.core.aggregate`.
"""

from __future__ import annotations

import os

from agents.worker import Plan, main
from hub.core import bundle
from hub.core.aggregate.stage import Aggregate
from hub.core.catalogue.model import Domain
from hub.core.stage import Stage
from hub.core.topics import facts_topic, quiet
from hub.edge import files, keyring
from hub.edge.settings import Settings


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage with its keys, and what it reads."""
    root = settings.home.root
    catalogue = files.read_catalogue(settings.catalogue)
    keys = keyring.aggregate(root)
    bundles = bundle.only(catalogue, keyring.registry(root))
    stage = Aggregate(
        bundles, facts_key=keys.facts, cells_key=keys.cells, entropy=os.urandom
    )
    inputs = [facts_topic(domain) for domain in Domain]
    return stage, Plan(inputs=inputs, quiet=quiet(catalogue))


if __name__ == "__main__":
    main("aggregate", build)
