"""A ministry's new keys: offered by the old one, believed, used only then."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hub.core.errors import InvalidError, MachineError
from hub.edge import handover, keyring, publickeys, rotation
from hub.edge.files import read_catalogue
from hub.edge.rotation import Rotation
from hub.edge.settings import Home, Settings

NOW_MS = 1_794_700_000_000
CATALOGUE = read_catalogue()


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """The hub's home."""
    keyring.create(tmp_path / "hub", CATALOGUE, now_ms=NOW_MS)
    return tmp_path / "hub"


@pytest.fixture
def ministry(hub: Path, tmp_path: Path) -> Settings:
    """The home of sms, which holds its own keys and the public ones."""
    keys = tmp_path / "sms" / "keys"
    keys.mkdir(parents=True)
    shutil.copytree(hub / "keys" / "sms", keys / "sms")
    shutil.copy(hub / "keys" / "registry.json", keys / "registry.json")
    return Settings(home=Home(root=tmp_path / "sms"))


def rotated(ministry: Settings) -> Rotation:
    """A rotation of both its keys, as far as it comes without the hub."""
    asked = [("sign", "sms"), ("seal", "sms")]
    wanted = rotation.plan(ministry, CATALOGUE, asked)
    rotation.begin(ministry, wanted)
    said: list[str] = []
    with pytest.raises(MachineError, match="kerwen keys register"):
        rotation.finish(ministry, wanted, said.append)
    return wanted


def test_new_keys_are_used_once_the_hub_knows_them(
    hub: Path, ministry: Settings
) -> None:
    """Offered, registered, brought back; before that the old ones go on."""
    wanted = rotated(ministry)
    root = ministry.home.root
    assert keyring.ministry(root, "sms").sign.key_id == "sms-sign-2026-11"

    text = handover.place(ministry.home).read_text()
    registry = publickeys.add(hub, handover.accept(text, keyring.registry(hub)))
    shutil.copy(hub / "keys" / "registry.json", root / "keys" / "registry.json")
    found = rotation.read(ministry)
    assert found is not None
    done = rotation.finish(ministry, found, lambda _: None)

    sign, seal = (item.key_id for item in wanted.items)
    keys = keyring.ministry(root, "sms")
    assert done.phase == "used"
    assert keys.sign.key_id == sign
    assert keys.sign.private.public_key() == registry.signer(sign, "TM/GOV/SMS/HUB")
    assert registry.recipient("TM/GOV/SMS/HUB") == (seal, keys.seals[seal].public())
    assert not handover.place(ministry.home).exists()


def test_an_offer_is_believed_from_its_ministry_only(
    hub: Path, ministry: Settings
) -> None:
    """Another signer, another member, a revoked key, a change: refused whole."""
    rotated(ministry)
    text = handover.place(ministry.home).read_text()
    said = json.loads(text)
    registry = keyring.registry(hub)
    known = registry.keys["sms-sign-2026-11"]
    mfa = keyring.ministry(hub, "mfa").sign
    mine = keyring.ministry(ministry.home.root, "sms").sign
    theirs = replace(known, key_id="sms-sign-2027-01")

    for changed in (
        json.dumps({**said, "signer": "mfa-sign-2026-11"}),
        json.dumps({**said, "signature": "00" * 64}),
        handover.offer([theirs], mfa),
        handover.offer(
            [theirs, replace(known, member="TM/GOV/MFA/HUB", key_id="x")], mfa
        ),
        handover.offer([replace(known, use="control")], mfa),
        *(
            handover.offer([replace(known, key_id=name)], mine)
            for name in ("hub-2027-01", "sms-sign-2027-1", "../x-2027-01", "sms-sign-")
        ),
        handover.offer([], mfa),
        "{}",
    ):
        with pytest.raises(InvalidError):
            handover.accept(changed, registry)
    revoked = publickeys.revoke(hub, ["sms-sign-2026-11"])
    with pytest.raises(InvalidError, match="onboarded again"):
        handover.accept(text, revoked)
