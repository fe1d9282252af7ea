"""Four sample years on an embedded hub: every table speaks, every cut is audited.

    python benchmarks/years/run.py --persons 20000 --years 4

Prints one JSON object; exit 0 if every audit is equal and no table is silent.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.trials import history


def main() -> int:
    """Run once in a fresh home."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--years", type=int, default=4)
    args = parser.parse_args()
    catalogue = read_catalogue()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kerwen-years-") as folder:
        settings = Settings(home=Home(root=Path(folder)))
        with Supervisor(settings, Plan(), catalogue=catalogue) as hub:
            found = history.run(
                hub.settings,
                catalogue,
                persons=args.persons,
                years=args.years,
                tell=lambda text: print(text, file=sys.stderr),
            )
    said = found.as_json(catalogue)
    print(json.dumps({**said, "seconds": round(time.monotonic() - began)}))
    return 0 if found.verdict == "equal" and not said["silent"] else 1


if __name__ == "__main__":
    sys.exit(main())
