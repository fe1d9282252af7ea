"""Keys: a key speaks for its member, in its use, while it is active."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import HUB, Key, KeyRegistry, read_registry
from hub.core.reasons import Reason

SMS, MFA = "TM/GOV/SMS/HUB", "TM/GOV/MFA/HUB"
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
XWING = PrivateKey(suite=2, seed=bytes(32)).public().raw
X25519 = PrivateKey(suite=1, seed=bytes(32)).public().raw


def registry(*keys: Key) -> KeyRegistry:
    """A registry of some keys."""
    return KeyRegistry(keys={key.key_id: key for key in keys})


SIGN = Key(
    key_id="sms-sign-2026-11", use="sign", member=SMS, public=ED25519.public_bytes_raw()
)
RECEIPT = replace(SIGN, key_id="receipt-2026-11", use="receipt", member=HUB)
SEAL = Key(key_id="hub-2026-11", use="seal", member=HUB, public=XWING, suite=2)
ALL = registry(SIGN, RECEIPT, SEAL)


def test_a_signer_is_found_by_id_and_member() -> None:
    """The member's own active signing key is given."""
    assert ALL.signer("sms-sign-2026-11", SMS) == ED25519
    assert ALL.authority("receipt-2026-11", "receipt") == ED25519


@pytest.mark.parametrize(
    ("key", "member"),
    [
        (SIGN, MFA),
        (SIGN, HUB),
        (replace(SIGN, status="revoked"), SMS),
        (replace(SIGN, use="receipt"), SMS),
        (replace(SIGN, key_id="other"), SMS),
    ],
    ids=["other member", "the hub", "revoked", "other use", "unknown"],
)
def test_no_other_key_signs_for_a_member(key: Key, member: str) -> None:
    """Wrong member, use or status is refused as a signature, with one text."""
    with pytest.raises(EnvelopeError, match="is no active sign key") as caught:
        registry(key).signer("sms-sign-2026-11", member)
    assert caught.value.reason == Reason.SIGNATURE


def test_a_ministry_key_is_no_authority() -> None:
    """A member's key never signs for the hub, whatever use it claims."""
    claimed = replace(SIGN, use="control")

    with pytest.raises(EnvelopeError):
        registry(claimed).authority("sms-sign-2026-11", "control")


def test_the_newest_active_key_is_sealed_to() -> None:
    """Epochs follow one another; a revoked one is passed over."""
    december = replace(SEAL, key_id="hub-2026-12", not_before_ms=2)
    gone = replace(SEAL, key_id="hub-2027-01", not_before_ms=3, status="revoked")
    keys = registry(december, SEAL, gone, SIGN)

    key_id, public = keys.recipient(HUB)

    assert (key_id, public.raw, public.suite) == ("hub-2026-12", XWING, 2)


@pytest.mark.parametrize("suite", [1, 2])
def test_without_a_key_of_the_suite_nothing_is_sealed(suite: int) -> None:
    """There is no falling back to another suite."""
    other = replace(SEAL, suite=3 - suite, public=X25519 if suite == 2 else XWING)

    with pytest.raises(EnvelopeError) as caught:
        registry(other).recipient(HUB, suite=suite)
    assert caught.value.reason == Reason.KEY
    with pytest.raises(EnvelopeError):
        registry(SEAL).recipient(SMS)


def test_text_comes_back_and_order_does_not_matter() -> None:
    """Two registries of equal keys have one text and one digest."""
    turned = registry(SEAL, SIGN, RECEIPT)

    assert read_registry(ALL.text()) == ALL
    assert turned.text() == ALL.text()
    assert turned.digest() == ALL.digest()
    assert len(ALL.digest()) == 32


def test_a_revocation_changes_the_digest() -> None:
    """The bundle that config records name says which keys are revoked."""
    revoked = registry(replace(SIGN, status="revoked"), RECEIPT, SEAL)

    assert revoked.digest() != ALL.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"use": "everything"},
        {"status": "perhaps"},
        {"public": "not base64"},
        {"public": ""},
        {"public": 5},
        {"suite": 1},
        {"suite": True},
        {"not_before_ms": "1"},
        {"member": None},
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, object]) -> None:
    """The text says which key and which field, and nothing is read at all."""
    content = json.loads(ALL.text())
    content["sms-sign-2026-11"] |= change

    with pytest.raises(InvalidError, match="sms-sign-2026-11"):
        read_registry(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[]", '{"k": []}', '{"k": {}}'])
def test_a_file_that_is_no_registry_is_refused(text: str) -> None:
    """Neither an empty file nor another shape passes."""
    with pytest.raises(InvalidError, match="key registry"):
        read_registry(text)
