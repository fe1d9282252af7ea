"""Agent intake: sealed batches of the ministries to rows without a name.

Reads its own keys and nothing else; everything it does is in :mod:`hub.core.intake`.
"""

from __future__ import annotations

import os

from agents.limits import ChunkPolicy, Limits
from agents.worker import Plan, holding, in_force, main
from hub.core import arrears, freshness
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.intake import Intake
from hub.core.stage import Series, Stage
from hub.core.state import Reader
from hub.core.topics import quiet, sources
from hub.edge import keyring
from hub.edge.settings import Settings

LIMITS = Limits(chunk=ChunkPolicy(size_bytes=2 << 20), table_bytes=1 << 20)
"""A megabyte of sealed batches is 24,000 rows; every topic has a small state."""


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage with its keys, and what it reads."""
    root = settings.home.root
    library, catalogue = holding(settings)
    keys = keyring.intake(root)
    stage = Intake(bundles=library, keys=keys, entropy=os.urandom)
    return stage, Plan(
        inputs=reads(catalogue),
        library=library,
        again=lambda: reads(in_force(library, catalogue)),
        quiet=quiet(catalogue),
        look=gauges,
        limits=LIMITS,
    )


def gauges(state: Reader, source: str, *, quiet: bool) -> dict[Series, float]:
    """What never came, and how new what came is."""
    missing = arrears.gauges(state, source, quiet=quiet)
    return missing | freshness.gauges(state, source, quiet=quiet)


def reads(catalogue: Catalogue) -> list[str]:
    """Every ministry topic: they all feed NONE, declarations stand in any lane."""
    return sorted({topic for topic, _ in sources(catalogue, Domain.NONE)})


if __name__ == "__main__":
    main("intake", build)
