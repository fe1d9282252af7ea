"""``python -m agents intake-0``: the worker of that name; its stage is before the dash.

For service managers that know a worker by one name (see deploy/systemd).
"""

from __future__ import annotations

import os
import runpy
import sys

from agents.worker import EXIT_SETTINGS

STAGES = ("intake", "dedupe", "aggregate", "release")


def main(words: list[str]) -> None:
    """Run the stage's own module as the main one, so nothing is there twice."""
    name = words[0] if len(words) == 1 else ""
    stage = name.partition("-")[0]
    if stage not in STAGES:
        expected = ", ".join(f"{one}-0" for one in STAGES)
        sys.stderr.write(f"kerwen: {name!r} is no worker: expected {expected}\n")
        raise SystemExit(EXIT_SETTINGS)
    os.environ["KERWEN_WORKER"] = name
    runpy.run_module(f"agents.{stage}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
