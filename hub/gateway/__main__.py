"""``python -m hub.gateway``: see :mod:`hub.gateway.serve`."""

from __future__ import annotations

import sys

from hub.gateway.serve import main

sys.exit(main())
