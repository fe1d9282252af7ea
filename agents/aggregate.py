"""Agent aggregate: changes to cells, and a snapshot of them at every cut.

Reads its own keys and nothing else; everything it does is in :mod:`hub.core.aggregate`.
"""

from __future__ import annotations

import os

from agents.limits import ChunkPolicy, Limits
from agents.worker import Plan, holding, main
from hub.core.aggregate.stage import Aggregate
from hub.core.catalogue.model import Domain
from hub.core.stage import Stage
from hub.core.topics import facts_topic, quiet
from hub.edge import keyring
from hub.edge.settings import Settings

LIMITS = Limits(chunk=ChunkPolicy(rest=10.0, rest_seconds_max=1.5, size_bytes=3 << 19))
"""Every table is looked at for every chunk, however small: 2,000 rows cost two and a
half times as much a row as 16,000 (measured). So under load chunks grow while their
partition rests, and there is room for them; a chunk that comes alone does not wait."""


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage with its keys, and what it reads."""
    root = settings.home.root
    library, catalogue = holding(settings)
    keys = keyring.aggregate(root)
    stage = Aggregate(
        library, facts_key=keys.facts, cells_key=keys.cells, entropy=os.urandom
    )
    inputs = [facts_topic(domain) for domain in Domain]
    plan = Plan(inputs=inputs, library=library, quiet=quiet(catalogue), limits=LIMITS)
    return stage, plan


if __name__ == "__main__":
    main("aggregate", build)
