"""The bundle: everything that decides, named by its digest and signed by control.

Rules (design: delivery, rule 10; docs/adr/0005-bundle.md):

- A bundle is a catalogue (its providers are the agreements), the public keys with their
  states, and the skips. Bundles are a chain: each has the number after its
  predecessor's and names it.
- A config record puts a bundle in force from its offset on, never back to an older one.
- Skips are only ever added: the newest bundle names all of them.
- Before any config record the oldest bundle is in force; its name is then
  :data:`NONE`.

Invariant: the digest is a function of the content and of the whole chain before it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature

from hub.core.catalogue.model import Catalogue
from hub.core.errors import BundleError, EnvelopeError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.reasons import Reason
from hub.core.skips import Skips

NONE = bytes(32)
"""No bundle: before the first one, or no config record seen yet."""

BOOKS_MAX = 16
"""Bundles a stage keeps ready; older ones are worked out again when they are met."""

_LABEL = b"kerwen v1 bundle\0"
_SIGN = b"kerwen v1 sign Bundle\0"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One bundle.

    Attributes:
        number: 1 for the first; grows by one.
        previous: Digest of the bundle before it; NONE for the first.
        digest: SHA-256 over all of it; 32 bytes.
    """

    catalogue: Catalogue = field(repr=False)
    registry: KeyRegistry = field(repr=False)
    skips: Skips = field(default_factory=Skips, repr=False)
    number: int = 1
    previous: bytes = NONE
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        content = b"".join(
            (
                _LABEL,
                self.number.to_bytes(8, "big"),
                self.previous,
                self.catalogue.digest,
                self.registry.digest(),
                self.skips.digest(),
            )
        )
        object.__setattr__(self, "digest", hashlib.sha256(content).digest())

    def successor(
        self, catalogue: Catalogue, registry: KeyRegistry, skips: Skips
    ) -> Bundle:
        """The bundle that follows with this content; this one if nothing differs."""
        same = (
            catalogue.digest == self.catalogue.digest
            and registry.digest() == self.registry.digest()
            and skips == self.skips
        )
        if same:
            return self
        return Bundle(
            catalogue=catalogue,
            registry=registry,
            skips=skips,
            number=self.number + 1,
            previous=self.digest,
        )


def sign(digest: bytes, key: SigningKey) -> bytes:
    """Control's signature of a bundle's digest."""
    return key.private.sign(_SIGN + digest)


def verify(digest: bytes, key_id: str, signature: bytes, trusted: KeyRegistry) -> None:
    """Raise EnvelopeError(SIGNATURE) unless a control key that we know signed `digest`.

    A revoked control key counts here: old bundles are needed for old offsets, and only
    what a config record names, whose signature is judged by the keys in force, is used.
    """
    key = trusted.signed_once(key_id, "control")
    try:
        key.verify(signature, _SIGN + digest)
    except InvalidSignature as error:
        text = f"bundle {short(digest)} is not signed by {key_id}"
        raise EnvelopeError(Reason.SIGNATURE, text) from error


def short(digest: bytes) -> str:
    """How a bundle is called in texts for people."""
    return digest.hex()[:16]


class Bundles(Protocol):
    """The bundles a worker holds."""

    def get(self, digest: bytes) -> Bundle:
        """The bundle of a digest, or the oldest one for NONE.

        Raises:
            BundleError: It is not held.
        """

    def held(self) -> Sequence[bytes]:
        """Digests of all bundles held, oldest first."""


class Held:
    """Bundles in memory."""

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        ordered = sorted(bundles, key=lambda one: one.number)
        self._bundles = {one.digest: one for one in ordered}

    def get(self, digest: bytes) -> Bundle:
        """See :class:`Bundles`."""
        if digest == NONE:
            return next(iter(self._bundles.values()))
        found = self._bundles.get(digest)
        if found is None:
            raise missing(digest)
        return found

    def held(self) -> Sequence[bytes]:
        """See :class:`Bundles`."""
        return list(self._bundles)


def only(catalogue: Catalogue, registry: KeyRegistry | None = None) -> Held:
    """One first bundle of a catalogue, and nothing after it."""
    keys = registry or KeyRegistry(keys={})
    return Held([Bundle(catalogue=catalogue, registry=keys)])


class Books(Generic[T]):
    """What a stage works out of each bundle, once."""

    def __init__(self, bundles: Bundles, make: Callable[[Bundle], T]) -> None:
        self._bundles = bundles
        self._make = make
        self._made: OrderedDict[bytes, T] = OrderedDict()

    def of(self, digest: bytes) -> T:
        """The book of a bundle; raises BundleError if that is not held."""
        found = self._made.get(digest)
        if found is None:
            found = self._make(self._bundles.get(digest))
            self._made[digest] = found
            while len(self._made) > BOOKS_MAX:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(digest)
        return found

    def newest(self) -> bytes:
        """What a state begins under that has no message yet: the newest bundle held.

        NONE where there is one bundle only, as for a log without a config record.
        """
        held = self._bundles.held()
        return held[-1] if len(held) > 1 else NONE

    def newer(self, one: bytes, other: bytes) -> bytes:
        """Of two bundles the one with the greater number; `one` if they are equal."""
        if other in {one, NONE}:
            return one
        if one == NONE:
            return other
        numbers = [self._bundles.get(digest).number for digest in (one, other)]
        return other if numbers[1] > numbers[0] else one


def missing(digest: bytes) -> BundleError:
    """The error of a worker that does not hold a bundle."""
    return BundleError(
        f"bundle {short(digest)} is in force and this worker does not hold it; give it"
        " with `kerwen topics bundle --add FOLDER`",
        digest=digest,
    )


def digest(catalogue: Catalogue, registry: KeyRegistry) -> bytes:
    """The digest of a first bundle of this content."""
    return Bundle(catalogue=catalogue, registry=registry).digest
