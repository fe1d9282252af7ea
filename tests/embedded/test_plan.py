"""A plan survives its way through the environment, and refuses nonsense."""

from __future__ import annotations

import pytest

from hub.core.errors import UsageError
from hub.embedded.plan import Plan, Service, from_text, to_text


def test_a_plan_comes_back_from_its_text() -> None:
    """What the daemon reads is what the command wrote."""
    plan = Plan(
        workers={"intake": 2, "release": 0},
        services=(Service(name="gateway", command=("-m", "x", "{port}"), port=8000),),
        port=9093,
        broker={"log.retention.check.interval.ms": "1000"},
    )

    assert from_text(to_text(plan)) == plan
    assert from_text(to_text(Plan())) == Plan()


@pytest.mark.parametrize("workers", [{"resolve": 1}, {"intake": -1}, {"intake": 99}])
def test_a_plan_names_known_stages_in_bounded_numbers(workers: dict[str, int]) -> None:
    """An unknown stage or a senseless number is a usage error."""
    with pytest.raises(UsageError):
        Plan(workers=workers)
