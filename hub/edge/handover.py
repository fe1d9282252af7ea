"""Public halves from a ministry's machine to the hub: offered, believed, registered.

Rules (docs/keys.md, "A ministry's own keys"):

- A ministry that holds its keys makes new ones itself; only public halves travel.
- An offer is signed by the key that the hub believes now, so no new trust is needed. A
  ministry that has lost it is onboarded again.
- The hub registers an offer whole or not at all; never another key under a known id,
  and never an id that could be somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature

from hub.core import epochs
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import Key, KeyRegistry, SigningKey, read_registry
from hub.edge.settings import Home

FILE = "key-offer.json"
USES = ("sign", "seal")
_SIGN = b"kerwen v1 sign KeyOffer\0"


def place(home: Home) -> Path:
    """Where an offer is written, to be sent to the hub."""
    return home.root / FILE


def offer(keys: Sequence[Key], signer: SigningKey) -> str:
    """The text of an offer.

    Args:
        keys: New public keys of one member.
        signer: The key that its batches are signed with now.
    """
    body = {
        "keys": json.loads(KeyRegistry(keys={key.key_id: key for key in keys}).text()),
        "signer": signer.key_id,
    }
    signature = signer.private.sign(_signed(body)).hex()
    return json.dumps({**body, "signature": signature}, indent=1) + "\n"


def accept(text: str, registry: KeyRegistry) -> list[Key]:
    """The keys in an offer, once it is believed.

    Raises:
        InvalidError: It is damaged, of several members, or not signed by an active key
            of the member.
    """
    try:
        said = json.loads(text)
        body = {"keys": said["keys"], "signer": said["signer"]}
        signature = bytes.fromhex(said["signature"])
        keys = list(read_registry(json.dumps(said["keys"])).keys.values())
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError("the offer is damaged: have it sent again") from error
    stem = str(body["signer"]).partition("-sign-")[0]
    for key in keys:
        if not epochs.is_of(key.key_id, f"{stem}-{key.use}"):
            # An id is a name of files, and what others' next keys are called by.
            raise InvalidError(f"an offer's keys are called {stem}-{key.use}-2026-11")
    members = {key.member for key in keys}
    if len(members) != 1 or not {key.use for key in keys} <= set(USES):
        raise InvalidError("an offer is of one ministry's signing and sealing keys")
    if any(key.status != "active" for key in keys):
        raise InvalidError("an offer is of active keys")
    try:
        public = registry.signer(str(body["signer"]), members.pop())
        public.verify(signature, _signed(body))
    except (EnvelopeError, InvalidSignature) as error:
        raise InvalidError(
            "the offer is not signed by an active key of its ministry; one that has "
            "lost its key is onboarded again"
        ) from error
    return keys


def _signed(body: dict[str, Any]) -> bytes:
    return _SIGN + json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
