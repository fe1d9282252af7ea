"""Everything that travels: messages, their schemas, encoding and signatures.

Every Kafka value except those of ``indicators.*`` is one of these; see
docs/envelope-v1.md.
"""

from __future__ import annotations

from hub.core.messages.codec import (
    Message,
    Wire,
    decode,
    decode_as,
    encode,
)
from hub.core.messages.model import (
    DIGEST_NONE,
    SIGNATURE_NONE,
    Act,
    Block,
    BlockHeader,
    Close,
    Config,
    Decision,
    Envelope,
    EnvelopeHeader,
    Genesis,
    Notice,
    Quarantine,
    QuarantinedRow,
    Receipt,
    Refusal,
    Sealed,
    Section,
    Sections,
    Stanza,
    Statement,
)
from hub.core.messages.schemas import (
    BLOCK_BYTES_MAX,
    ENVELOPE_BYTES_MAX,
    INFLATED_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    RECIPIENTS_MAX,
    ROWS_MAX,
    SCHEMAS,
    SEALED_BYTES_MAX,
)
from hub.core.messages.signing import (
    sign,
    signed_bytes,
    verify,
)

__all__ = [
    "BLOCK_BYTES_MAX",
    "DIGEST_NONE",
    "ENVELOPE_BYTES_MAX",
    "INFLATED_BYTES_MAX",
    "MESSAGE_BYTES_MAX",
    "RECIPIENTS_MAX",
    "ROWS_MAX",
    "SCHEMAS",
    "SEALED_BYTES_MAX",
    "SIGNATURE_NONE",
    "Act",
    "Block",
    "BlockHeader",
    "Close",
    "Config",
    "Decision",
    "Envelope",
    "EnvelopeHeader",
    "Genesis",
    "Message",
    "Notice",
    "Quarantine",
    "QuarantinedRow",
    "Receipt",
    "Refusal",
    "Sealed",
    "Section",
    "Sections",
    "Stanza",
    "Statement",
    "Wire",
    "decode",
    "decode_as",
    "encode",
    "sign",
    "signed_bytes",
    "verify",
]
