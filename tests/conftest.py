"""One setting for all property tests: no deadline for a single example.

The machines that run these tests are shared; a slow example there says nothing.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kerwen", deadline=None)
settings.load_profile("kerwen")
