"""What tests of several folders share.

One setting for all property tests: no deadline for a single example.
The machines that run these tests are shared; a slow example there says nothing.
`pytest --hypothesis-profile=long` tries ten thousand examples where a test leaves the
number to the profile.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from hub.edge import keyring
from hub.edge.files import read_catalogue

settings.register_profile("kerwen", deadline=None)
settings.register_profile("long", deadline=None, max_examples=10_000)
settings.load_profile("kerwen")

NOVEMBER_MS = 1_794_700_000_000


@pytest.fixture(scope="session")
def november(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys that a hub makes in November 2026, once for all: a test takes a copy."""
    root = tmp_path_factory.mktemp("november")
    keyring.create(root, read_catalogue(), now_ms=NOVEMBER_MS)
    return root / "keys"
