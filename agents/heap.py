"""What a worker asks of the C library's heap: to give back what it does not need.

Rules (design: bars, memory):

- A worker takes messages of up to a megabyte in, makes others of them, and forgets
  both. With the library's own settings the holes they leave grow for an hour, an arena
  for every thread, and nothing goes back. Large blocks are mapped one by one instead
  and there is one arena: the interpreter's lock lets few threads ask at once.
- Measured over 921,837 records (benchmarks/README.md): dedupe 453 MB at its peak
  without, 363 to 390 with; it costs a tenth of the processor's time at most.
- Where the C library knows nothing of this (musl), nothing happens.
"""

from __future__ import annotations

import ctypes

# The numbers of glibc's malloc.h.
_TRIM, _MAPPED, _ARENAS = -1, -3, -8
MAPPED_BYTES = 1 << 20
"""From this size on a block is mapped by itself and goes back when it is free."""

TRIM_BYTES = 4 << 20
ARENAS = 1


def frugal() -> bool:
    """Set the heap of this process; whether the library took it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((_ARENAS, ARENAS), (_MAPPED, MAPPED_BYTES), (_TRIM, TRIM_BYTES))
    return all(mallopt(*one) == 1 for one in wanted)
