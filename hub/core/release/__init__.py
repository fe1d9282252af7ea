"""From complete snapshots to signed vintages."""

from __future__ import annotations

from hub.core.release.stage import Release

__all__ = ["Release"]
