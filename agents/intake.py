"""Agent intake: sealed batches of the ministries to rows without a name.

Reads its own keys and nothing else; everything it does is in :mod:`hub.core.intake`.
"""

from __future__ import annotations

import os

from agents.worker import Plan, main
from hub.core import bundle
from hub.core.arrears import gauges
from hub.core.catalogue.model import Domain
from hub.core.intake import Intake
from hub.core.stage import Stage
from hub.core.topics import quiet, sources
from hub.edge import files, keyring
from hub.edge.settings import Settings


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage with its keys, and what it reads."""
    root = settings.home.root
    catalogue = files.read_catalogue(settings.catalogue)
    keys = keyring.intake(root)
    bundles = bundle.only(catalogue, keyring.registry(root))
    stage = Intake(bundles=bundles, keys=keys, entropy=os.urandom)
    # NONE is fed by every ministry partition: declarations stand in any lane.
    inputs = sorted({topic for topic, _ in sources(catalogue, Domain.NONE)})
    return stage, Plan(inputs=inputs, quiet=quiet(catalogue), look=gauges)


if __name__ == "__main__":
    main("intake", build)
