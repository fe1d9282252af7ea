"""A browser of the machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once for a module.

    As long as it is there the main thread has a running loop, so it has to be gone
    before tests of other modules begin one of theirs.
    """
    found = shutil.which("chromium")
    assert found is not None, "no chromium; apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()
