"""``python -m tests.simulation [FIRST] [COUNT]``: a long run.

``--points``: kill -9 at every point in turn; ``--rules``: a table. FIRST and COUNT are
seeds. Exit code 1 says that a seed failed, or that the removal of a rule was not found.
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation import longrun, rules
from tests.simulation.world import SMALL, WORLDS


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--world", choices=sorted(WORLDS), default=SMALL.name)
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--points", action="store_true", help="one kill -9 each, at every point in turn"
    )
    parser.add_argument("--rules", action="store_true", help="remove each rule in turn")
    asked = parser.parse_args()
    if asked.rules:
        found = rules.table()
        print(rules.told(found))  # noqa: T201 - this is the command's answer
        return int(any(not one.problem for one in found))
    report = longrun.run(
        asked.world, asked.first, asked.count, jobs=asked.jobs, points=asked.points
    )
    print(report.json() if asked.json else report.told())  # noqa: T201 - the same
    return int(bool(report.failed))


if __name__ == "__main__":
    sys.exit(main())
