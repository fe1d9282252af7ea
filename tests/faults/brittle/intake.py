"""Intake as it is, but for one message that ends it: no real one that does is known."""

from __future__ import annotations

import os
from collections.abc import Sequence

from agents import intake
from agents.worker import Plan, main
from hub.core.intake import Intake
from hub.core.log import Incoming, Source
from hub.core.stage import Result, Stage
from hub.core.state import Overlay
from hub.edge import keyring
from hub.edge.settings import Settings

POISON = b"poison"


class Brittle(Intake):
    """Dies of :data:`POISON`, unless it is set aside."""

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See :class:`hub.core.stage.Stage`."""
        if any(one.value == POISON and not one.aside for one in messages):
            raise ZeroDivisionError
        return super().step(overlay, source, messages)


def build(settings: Settings) -> tuple[Stage, Plan]:
    """The stage, and what it reads."""
    _, plan = intake.build(settings)
    assert plan.library is not None
    keys = keyring.intake(settings.home.root)
    return Brittle(bundles=plan.library, keys=keys, entropy=os.urandom), plan


if __name__ == "__main__":
    main("intake", build)
