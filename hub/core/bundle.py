"""What a worker must hold to go on: the bundle that config records name.

Rule (design: delivery, rule 10): everything that decides is in the log. A config record
puts a bundle in force from its offset on; a worker that holds another one stops there.
"""

from __future__ import annotations

import hashlib

from hub.core.catalogue.model import Catalogue
from hub.core.keys import KeyRegistry

_LABEL = b"kerwen v1 bundle\0"


def digest(catalogue: Catalogue, registry: KeyRegistry) -> bytes:
    """SHA-256 over catalogue and public keys with their states; 32 bytes."""
    content = _LABEL + catalogue.digest + registry.digest()
    return hashlib.sha256(content).digest()
