"""Schemathesis over everything that the OpenAPI description lists.

Valid and invalid input, at every path but the endless one: no failure, no
status, media type or method that is not described, no invalid word let through.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

EXAMPLES = 4
ENDLESS = "/live"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


def attack(operation: Any, mode: GenerationMode) -> None:
    """Send what fits the description, or what does not."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    send()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda one: one.value)
def test_the_description_holds(url: str, mode: GenerationMode) -> None:
    """For every operation, whatever is sent."""
    api = schemathesis.openapi.from_url(f"{url}/openapi.json")
    attacked = set()
    found = []
    for result in api.get_all_operations():
        assert isinstance(result, Ok)
        found.append(result.ok())
    paths = [one.path for one in found]
    for operation in found:
        # The shorter forms of an SDMX path are the same code with fewer parts.
        shorter = any(one.startswith(f"{operation.path}/{{") for one in paths)
        if operation.path == ENDLESS or (shorter and "/sdmx/" in operation.path):
            continue
        try:
            attack(operation, mode)
        except Unsatisfiable:
            # Without parameters there is nothing that could be wrong.
            assert mode is GenerationMode.NEGATIVE
            assert "{" not in operation.path
            continue
        attacked.add(operation.path)
    assert len(attacked) >= 16
