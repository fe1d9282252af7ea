"""A worker's heap gives back what messages took."""

from __future__ import annotations

import subprocess
import sys

STORY = """
import sys
from agents import heap

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

if sys.argv[1] == "frugal":
    assert heap.frugal()
kept = []
for round in range(3):
    large = []
    for number in range(60):
        large.append(bytearray(2 << 20))
        kept.append(bytes(600))  # something small stays behind each
    del large
print(resident())
"""


def resident(how: str) -> int:
    """Megabytes that a process holds after it forgot three times 120."""
    done = subprocess.run(
        [sys.executable, "-c", STORY, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_what_is_forgotten_goes_back() -> None:
    """With the library's own settings most of a round stays."""
    assert resident("frugal") + 60 < resident("as it is")
