"""A long run: ``python -m tests.simulation [first seed] [number of seeds]``."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter

from tests.simulation import trial


def main(first: int = 0, count: int = 1000) -> int:
    """Try seeds until one fails; that one is shrunk and printed."""
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    hits: Counter[tuple[str, str]] = Counter()
    for seed in range(first, first + count):
        verdict = trial.attempt(seed)
        hits += verdict.run.hits
        if verdict.problems:
            print(verdict.told())  # noqa: T201 - this is the command's answer
            print(trial.shrink(verdict).told())  # noqa: T201 - the same
            return 1
    seconds = time.monotonic() - began
    print(f"{count} schedules, {hits.total()} faults, {seconds:.0f} s")  # noqa: T201 - the same
    for (kind, point), times in sorted(hits.items()):
        print(f"{times:6} {kind} {point}")  # noqa: T201 - the same
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
