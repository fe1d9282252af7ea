"""Agent dedupe: rows to changes of resolved records and persons.

Reads its own keys and nothing else; everything it does is in :mod:`hub.core.dedupe`.
"""

from __future__ import annotations

import os

from agents.limits import ChunkPolicy, Limits
from agents.worker import Plan, holding, main
from hub.core.catalogue.model import Domain
from hub.core.dedupe.stage import Dedupe
from hub.core.markers import gauges
from hub.core.stage import Stage
from hub.core.topics import quiet, records_topic
from hub.edge import keyring
from hub.edge.settings import Settings

LIMITS = Limits(chunk=ChunkPolicy(size_bytes=2 << 20))
"""Two steps' worth of rows."""


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage with its keys, and what it reads."""
    root = settings.home.root
    library, catalogue = holding(settings)
    keys = keyring.dedupe(root)
    stage = Dedupe(
        library,
        records=keys.records,
        facts=keys.facts,
        statement=keys.statement,
        entropy=os.urandom,
    )
    inputs = [records_topic(domain) for domain in Domain]
    return stage, Plan(
        inputs=inputs,
        library=library,
        quiet=quiet(catalogue),
        look=gauges,
        limits=LIMITS,
    )


if __name__ == "__main__":
    main("dedupe", build)
