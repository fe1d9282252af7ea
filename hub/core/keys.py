"""Public keys of everyone: who may sign, seal, receive; what is revoked.

Rules:

- A key has one use for life; signing and sealing keys are never the same.
- A signature counts only if its key is active and belongs to the member that speaks.
- Verification raises; a look-up never returns None.

Invariant: ``digest`` is a function of the content, whatever the order of the file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from hub.core.envelope.format import SUITE_XWING
from hub.core.envelope.recipients import PublicKey
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.reasons import Reason

HUB = "hub"
"""The member of the hub's own keys."""
KEYS_MAX = 10_000
_ED25519_SIZE = 32

Use = Literal["sign", "seal", "receipt", "statement", "release", "control"]
USES: tuple[Use, ...] = get_args(Use)
Status = Literal["active", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One public key.

    Attributes:
        use: sign (a member's batches), seal (answers to a member, batches to the hub),
            receipt, statement, release, control (the hub's own signatures).
        member: X-Road id of the holder, or HUB.
        suite: For seal keys 1 or 2; 0 for Ed25519.
        public: Raw bytes.
    """

    key_id: str
    use: Use
    member: str
    public: bytes
    suite: int = 0
    status: Status = "active"
    not_before_ms: int = 0

    def verifier(self) -> Ed25519PublicKey:
        """The key, for signatures."""
        return Ed25519PublicKey.from_public_bytes(self.public)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An Ed25519 key and the id under which the registry knows it."""

    key_id: str
    private: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegistry:
    """All public keys by key id."""

    keys: Mapping[str, Key]

    def signer(self, key_id: str, member: str) -> Ed25519PublicKey:
        """The key a batch of `member` is signed with, or EnvelopeError(SIGNATURE)."""
        return self._verifier(key_id, "sign", member)

    def authority(self, key_id: str, use: Use) -> Ed25519PublicKey:
        """The hub's own receipt, statement, release or control key."""
        return self._verifier(key_id, use, HUB)

    def signed_once(self, key_id: str, use: Use) -> Ed25519PublicKey:
        """The hub's own key of a use, also if it was revoked since.

        For what is pinned otherwise and was signed long ago: a genesis record, a bundle
        that a config record names.
        """
        key = self.keys.get(key_id)
        if key is None or (key.use, key.member) != (use, HUB):
            text = f"{key_id} is no {use} key of this hub"
            raise EnvelopeError(Reason.SIGNATURE, text)
        return key.verifier()

    def revoked(self, key_id: str) -> bool:
        """Whether a key is known and was revoked."""
        key = self.keys.get(key_id)
        return key is not None and key.status == "revoked"

    def recipient(
        self, member: str, *, suite: int = SUITE_XWING
    ) -> tuple[str, PublicKey]:
        """The newest active sealing key of `member` (HUB: the current epoch).

        Raises:
            EnvelopeError: KEY, if there is none: nothing is sent unsealed.
        """
        found = [
            key
            for key in self.keys.values()
            if (key.use, key.member, key.suite, key.status)
            == ("seal", member, suite, "active")
        ]
        if not found:
            text = f"{member} has no active sealing key of suite {suite}"
            raise EnvelopeError(Reason.KEY, text)
        newest = max(found, key=lambda key: (key.not_before_ms, key.key_id))
        return newest.key_id, PublicKey(suite=suite, raw=newest.public)

    def digest(self) -> bytes:
        """SHA-256 of the canonical text; part of the bundle config records name."""
        return hashlib.sha256(self.text().encode()).digest()

    def text(self) -> str:
        """The canonical JSON text: ids in order, one line a key."""
        lines = [
            f"{json.dumps(key_id)}: {json.dumps(_fields(self.keys[key_id]))}"
            for key_id in sorted(self.keys)
        ]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def _verifier(self, key_id: str, use: Use, member: str) -> Ed25519PublicKey:
        key = self.keys.get(key_id)
        # One text for all of these: a prober learns nothing about other members' keys.
        if key is None or (key.use, key.member, key.status) != (use, member, "active"):
            text = f"{key_id} is no active {use} key of {member}"
            raise EnvelopeError(Reason.SIGNATURE, text)
        return key.verifier()


def read_registry(text: str) -> KeyRegistry:
    """The registry in a JSON text; raises InvalidError with the key id and field."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InvalidError("the key registry is not JSON") from error
    if not isinstance(content, dict) or len(content) > KEYS_MAX:
        raise InvalidError(f"the key registry is not an object of <= {KEYS_MAX} keys")
    return KeyRegistry(keys={name: _key(name, one) for name, one in content.items()})


def _fields(key: Key) -> dict[str, str | int]:
    return {
        "member": key.member,
        "not_before_ms": key.not_before_ms,
        "public": base64.b64encode(key.public).decode(),
        "status": key.status,
        "suite": key.suite,
        "use": key.use,
    }


def _key(name: str, entry: Any) -> Key:
    def need(field: str, kind: type) -> Any:
        value = entry.get(field) if isinstance(entry, dict) else None
        if type(value) is not kind:
            raise InvalidError(f"key registry, {name}: {field} is missing or wrong")
        return value

    use, status, suite = need("use", str), need("status", str), need("suite", int)
    if use not in USES or status not in get_args(Status):
        raise InvalidError(f"key registry, {name}: unknown use or status")
    try:
        public = base64.b64decode(need("public", str), validate=True)
    except binascii.Error as error:
        raise InvalidError(f"key registry, {name}: public is not base64") from error
    if use == "seal":
        PublicKey(suite=suite, raw=public)
    elif suite != 0 or len(public) != _ED25519_SIZE:
        raise InvalidError(f"key registry, {name}: not an Ed25519 key")
    return Key(
        key_id=name,
        use=cast("Use", use),
        member=need("member", str),
        public=public,
        suite=suite,
        status=cast("Status", status),
        not_before_ms=need("not_before_ms", int),
    )
