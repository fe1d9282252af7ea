"""Signatures of control messages, receipts and statements (Ed25519).

Rules:

- What is signed is a label, the message's own name, and its encoding with the
  signature zeroed: a signature of one kind never fits another.
- Verification raises; it never returns a bool.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from hub.core.errors import EnvelopeError
from hub.core.messages.codec import encode
from hub.core.messages.model import (
    SIGNATURE_NONE,
    Act,
    Close,
    Config,
    Genesis,
    Notice,
    Receipt,
    Statement,
)
from hub.core.reasons import Reason

Signed = TypeVar("Signed", Genesis, Config, Close, Act, Notice, Receipt, Statement)


def signed_bytes(
    message: Genesis | Config | Close | Act | Notice | Receipt | Statement,
) -> bytes:
    """What the signature of `message` is made over."""
    label = f"kerwen v1 sign {type(message).__name__}\0".encode()
    return label + encode(replace(message, signature=SIGNATURE_NONE))


def sign(message: Signed, private_key: Ed25519PrivateKey) -> Signed:
    """`message` with its signature."""
    return replace(message, signature=private_key.sign(signed_bytes(message)))


def verify(
    message: Genesis | Config | Close | Act | Notice | Receipt | Statement,
    public_key: Ed25519PublicKey,
) -> None:
    """Raise EnvelopeError(SIGNATURE) unless `public_key` signed `message`."""
    try:
        public_key.verify(message.signature, signed_bytes(message))
    except InvalidSignature as error:
        text = f"{type(message).__name__} is not signed by {message.key_id}"
        raise EnvelopeError(Reason.SIGNATURE, text) from error
