"""One setting for all property tests: no deadline for a single example.

The machines that run these tests are shared; a slow example there says nothing.
`pytest --hypothesis-profile=long` tries ten thousand examples where a test leaves the
number to the profile.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kerwen", deadline=None)
settings.register_profile("long", deadline=None, max_examples=10_000)
settings.load_profile("kerwen")
