"""Seal, verify, open: envelopes of a member, and answers to one ministry.

Rules (envelope-v1 §4 and §5):

- Fail closed: no recipient, wrong suite, wrong commitment, unknown key raise.
- Verify comes before open; open checks again that the header it is given is the one
  in the envelope.
- The data key is fresh for each batch. Two keys are derived from it: one encrypts,
  one is the commitment in the header, because GCM alone does not bind its key.

Invariant: ``open(seal(x)) == x`` for a holder of a recipient's key, and any other
bytes than those sealed raise EnvelopeError.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.core.envelope import format as layout
from hub.core.envelope.recipients import PrivateKey, PublicKey, unwrap, wrap
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.messages import Envelope, EnvelopeHeader, Sealed, Stanza, encode
from hub.core.reasons import Reason

KEY_SIZE = 32
NONCE_SIZE = 12
_LABEL_KEY = b"kerwen envelope v1 encrypt"
_LABEL_COMMIT = b"kerwen envelope v1 commit"
_LABEL_MEMBER = "kerwen sealed v1"


def seal(
    header: EnvelopeHeader,
    payload: bytes,
    *,
    recipients: Sequence[tuple[str, PublicKey]],
    signer: Ed25519PrivateKey,
    entropy: Callable[[int], bytes],
    pad_to: int = 0,
) -> bytes:
    """The Kafka value of a sealed batch.

    Args:
        header: All fields; `commitment` is set here.
        payload: Avro container of the rows.
        recipients: (key id, public key), all of the header's suite.
        signer: The key that `header.signer` names.
        entropy: Source of the data key and the nonce.
        pad_to: Size of the plaintext (quiet dataflows: ``format.size_class``).
    """
    if any(public.suite != header.suite for _, public in recipients):
        raise InvalidError(f"a recipient's key is not one of suite {header.suite}")
    data_key, nonce = entropy(KEY_SIZE), entropy(NONCE_SIZE)
    header = replace(header, commitment=_derive(data_key, _LABEL_COMMIT))
    head = encode(header)
    stanzas = [_stanza(key_id, key, data_key, head) for key_id, key in recipients]
    aead = AESGCM(_derive(data_key, _LABEL_KEY))
    ciphertext = aead.encrypt(nonce, layout.pack(payload, pad_to), head)
    envelope = layout.build(header, stanzas, nonce, ciphertext)
    signature = signer.sign(layout.signed_bytes(envelope))
    return encode(replace(envelope, signature=signature))


def verify(envelope: Envelope | bytes, public_key: Ed25519PublicKey) -> EnvelopeHeader:
    """The header, once the signature over the whole envelope holds.

    Raises:
        EnvelopeError: MALFORMED, OVERSIZED or SIGNATURE.
    """
    if isinstance(envelope, bytes):
        envelope, header = layout.parse(envelope)
    else:
        header = layout.header_of(envelope)
    try:
        public_key.verify(envelope.signature, layout.signed_bytes(envelope))
    except InvalidSignature as error:
        text = f"the envelope is not signed by {header.signer}"
        raise EnvelopeError(Reason.SIGNATURE, text) from error
    return header


def open(  # noqa: A001 - the opposite of seal, called as seal.open
    envelope: Envelope, header: EnvelopeHeader, keys: Mapping[str, PrivateKey]
) -> bytes:
    """The payload of a verified envelope.

    Args:
        envelope: As parsed.
        header: As returned by :func:`verify`.
        keys: Private keys by key id.

    Raises:
        EnvelopeError: KEY (no stanza opens, wrong commitment) or CONTENT.
    """
    if encode(header) != envelope.header:
        raise EnvelopeError(Reason.SIGNATURE, "the header is not the verified one")
    data_key = _data_key(envelope, header, keys)
    commitment = _derive(data_key, _LABEL_COMMIT)
    if not hmac.compare_digest(commitment, header.commitment):
        raise EnvelopeError(Reason.KEY, "the data key is not the committed one")
    try:
        plain = AESGCM(_derive(data_key, _LABEL_KEY)).decrypt(
            envelope.nonce, envelope.ciphertext, envelope.header
        )
    except InvalidTag as error:
        raise EnvelopeError(Reason.CONTENT, "the ciphertext does not open") from error
    return layout.unpack(plain)


def seal_to_member(
    kind: str,
    member: str,
    key_id: str,
    public: PublicKey,
    message: bytes,
    *,
    quiet: bool = False,
) -> Sealed:
    """An answer that only `member` can read: receipt, quarantine, statement.

    Args:
        kind: What it is; bound to the ciphertext, as are member and key id.
        member: Whose.
        key_id: The member's key.
        public: Its public half.
        message: The encoded answer.
        quiet: Fill up to a size class, so that the size tells no count.
    """
    info = _member_info(kind, member, key_id)
    size = layout.size_class(len(message), layout.ANSWER_CLASSES) if quiet else 0
    plain = layout.pack(message, size, most=layout.ANSWER_BYTES_MAX)
    encapsulation, ciphertext = wrap(public, plain, info)
    return Sealed(
        kind=kind,
        member=member,
        key_id=key_id,
        suite=public.suite,
        encapsulation=encapsulation,
        ciphertext=ciphertext,
    )


def open_sealed(sealed: Sealed, keys: Mapping[str, PrivateKey]) -> bytes:
    """The message in an answer; raises EnvelopeError (KEY, CONTENT)."""
    key = keys.get(sealed.key_id)
    if key is None:
        raise EnvelopeError(Reason.KEY, f"no private key {sealed.key_id}")
    info = _member_info(sealed.kind, sealed.member, sealed.key_id)
    plain = unwrap(key, sealed.suite, sealed.encapsulation, sealed.ciphertext, info)
    return layout.unpack(plain)


def _stanza(key_id: str, public: PublicKey, data_key: bytes, head: bytes) -> Stanza:
    encapsulation, wrapped = wrap(public, data_key, layout.wrap_info(head, key_id))
    return Stanza(key_id=key_id, encapsulation=encapsulation, wrapped=wrapped)


def _data_key(
    envelope: Envelope, header: EnvelopeHeader, keys: Mapping[str, PrivateKey]
) -> bytes:
    for stanza in envelope.recipients:
        key = keys.get(stanza.key_id)
        if key is not None:
            info = layout.wrap_info(envelope.header, stanza.key_id)
            return unwrap(key, header.suite, stanza.encapsulation, stanza.wrapped, info)
    wanted = ", ".join(stanza.key_id for stanza in envelope.recipients)
    raise EnvelopeError(Reason.KEY, f"sealed to {wanted}, none of which is held here")


def _derive(data_key: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=None, info=label).derive(
        data_key
    )


def _member_info(kind: str, member: str, key_id: str) -> bytes:
    # Messages hold printable ASCII only, so NUL keeps the parts apart.
    return f"{_LABEL_MEMBER}\0{kind}\0{member}\0{key_id}".encode()
