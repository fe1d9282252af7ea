"""Agent release: whole cuts to protected, signed observations.

Reads its own keys and nothing else; everything it does is in :mod:`hub.core.release`.
"""

from __future__ import annotations

from agents.worker import Plan, holding, main
from hub.core.release.stage import Release
from hub.core.stage import Stage
from hub.core.topics import CELLS, quiet
from hub.edge import keyring
from hub.edge.settings import Settings


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage with its keys, and what it reads."""
    root = settings.home.root
    library, catalogue = holding(settings)
    keys = keyring.release(root)
    stage = Release(
        library,
        cells_key=keys.cells,
        secret=keys.disclosure,
        signer=keys.release,
    )
    return stage, Plan(inputs=[CELLS], library=library, quiet=quiet(catalogue))


if __name__ == "__main__":
    main("release", build)
