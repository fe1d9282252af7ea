"""What intake alone holds; no other stage sees any of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hub.core.blocks import InternalKey
from hub.core.catalogue.model import Domain
from hub.core.envelope.recipients import PrivateKey
from hub.core.keys import SigningKey


class Keys(Protocol):
    """What intake alone holds: the way from envelopes to pseudonyms."""

    @property
    def hub(self) -> Mapping[str, PrivateKey]:
        """Private keys that batches are sealed to."""

    @property
    def pseudonyms(self) -> Mapping[Domain, bytes]:
        """A secret for each linkage domain."""

    @property
    def receipt(self) -> SigningKey:
        """The key receipts are signed with."""

    @property
    def records(self) -> InternalKey:
        """The key of the arrow to dedupe."""
