"""How soon a page in a browser shows a release that the gateway has just taken in.

    PYTHONPATH=. python benchmarks/gateway/news.py --times 20

The gateway as the tests serve it and Debian's Chromium. A page of a table is open and
hears the live stream; a release is put into the store, and the clock runs until its
period stands in the page's table. Prints one JSON object: seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.core.sdmx.releases import Log, close, release
from tests.gateway.house import House, house, served

FIRST_YEAR = 1990
TABLE = "STK_VEL"


def once(one: House, log: Log, page: Page, turn: int) -> float:
    """From the store to the page."""
    year = str(FIRST_YEAR + turn)
    release(log, [TABLE], close(turn, year))
    began = time.perf_counter()
    one.take(log)
    page.wait_for_selector(f"td.period:has-text('{year}')", timeout=30_000)
    return time.perf_counter() - began


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    asked = parser.parse_args()
    log = Log()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        one = house(Path(folder))
        browser = driver.chromium.launch(
            executable_path=asked.chromium, args=["--no-sandbox"]
        )
        release(log, [TABLE], close(1, str(FIRST_YEAR + 1)))
        one.take(log)
        with served(one) as url:
            page = browser.new_page()
            page.goto(f"{url}/tables/{TABLE}?lang=en")
            page.wait_for_selector("html[data-hearing=yes]", state="attached")
            found = [once(one, log, page, turn) for turn in range(2, asked.times + 2)]
            page.close()  # a stream that is heard to the end keeps the server
        browser.close()
    said = {"median": statistics.median(found), "most": max(found)}
    print(json.dumps({name: round(value, 3) for name, value in said.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
