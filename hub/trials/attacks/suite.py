"""The whole suite on one catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hub.core.catalogue.model import Catalogue
from hub.trials.attacks import figures, steadiness, transport
from hub.trials.attacks.outcome import Outcome
from hub.trials.attacks.scene import scene

POLICIES = ("C", "T", "E")


def run(catalogue: Catalogue, seed: int = 7) -> list[Outcome]:
    """Every attack, on a table of each policy that disturbs counts."""
    return list(_run(catalogue, seed))


def _run(catalogue: Catalogue, seed: int) -> Iterator[Outcome]:
    for policy in POLICIES:
        stage = scene(catalogue, policy, seed)
        named = f"{{}} ({policy}, {stage.table.id})"
        for attack in (
            figures.differencing,
            figures.averaging,
            figures.change_oracle,
            figures.small_cells,
            figures.complement,
        ):
            found = attack(stage)
            yield replace(found, name=named.format(found.name))
        for steady in (steadiness.redraw, steadiness.retraction, steadiness.order):
            found = steady(catalogue, stage, seed)
            yield replace(found, name=named.format(found.name))
        found = steadiness.leaks(catalogue, stage)
        yield replace(found, name=named.format(found.name))
    yield steadiness.nested(catalogue)
    yield transport.side_door(seed)
    yield transport.linkage(catalogue)
