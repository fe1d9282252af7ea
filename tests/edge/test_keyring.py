"""Keyring: made once, held apart, readable from one's own folder alone."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from hashlib import shake_256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from hub.core.catalogue.model import Catalogue, Domain, Member, Text
from hub.core.errors import HubError, InvalidError, MachineError
from hub.core.keys import HUB
from hub.edge import keyring

TITLE = Text(en="x", ru="x", tk="x")
NOVEMBER_MS = 1_794_700_000_000
DECEMBER_MS = NOVEMBER_MS + 30 * 86_400_000


def member(short: str, *, provides: bool = True) -> Member:
    """A member of the catalogue."""
    return Member(
        id=short,
        member=f"TM/GOV/{short.upper()}/HUB",
        title=TITLE,
        provides=("border_crossing",) if provides else (),
        reads=True,
    )


def catalogue(*members: Member) -> Catalogue:
    """A catalogue of which only the members matter."""
    empty = Catalogue(
        digest=bytes(32),
        instance="TM",
        codelists={},
        dataflows={},
        members={},
        tables={},
        policies={},
    )
    return replace(empty, members={one.id: one for one in members})


BOTH = catalogue(member("sms"), member("mfa"), member("iom", provides=False))
LOADERS: dict[str, Callable[[Path], object]] = {
    "intake": keyring.intake,
    "dedupe": keyring.dedupe,
    "aggregate": keyring.aggregate,
    "release": keyring.release,
    "control": keyring.control,
    "sms": lambda home: keyring.ministry(home, "sms"),
}


def counting() -> Callable[[int], bytes]:
    """Entropy that never repeats and is the same in every run."""
    state = [0]

    def entropy(size: int) -> bytes:
        state[0] += 1
        return shake_256(str(state[0]).encode()).digest(size)

    return entropy


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with all keys."""
    keyring.create(tmp_path, BOTH, entropy=counting(), now_ms=NOVEMBER_MS)
    return tmp_path


def files(home: Path) -> dict[str, bytes]:
    """Every file of the key folders with its content."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted((home / "keys").rglob("*"))
        if path.is_file()
    }


def test_both_ends_of_an_arrow_hold_the_same_key(home: Path) -> None:
    """What one stage seals the next one opens, and no third one holds it."""
    intake, dedupe = keyring.intake(home), keyring.dedupe(home)
    aggregate, release = keyring.aggregate(home), keyring.release(home)

    assert intake.records == dedupe.records
    assert dedupe.facts == aggregate.facts
    assert aggregate.cells == release.cells
    secrets = {intake.records.secret, dedupe.facts.secret, release.cells.secret}
    assert len(secrets) == 3
    assert intake.records.key_id == "records-2026-11"


def test_intake_holds_the_way_from_envelopes_to_pseudonyms(home: Path) -> None:
    """One secret a domain, the hub's sealing key, the receipt key."""
    keys = keyring.intake(home)
    key_id, public = keyring.registry(home).recipient(HUB)

    assert set(keys.pseudonyms) == set(Domain)
    assert len(set(keys.pseudonyms.values())) == len(Domain)
    assert keys.hub[key_id].public() == public
    assert key_id == "hub-2026-11"


def test_the_registry_names_every_public_half(home: Path) -> None:
    """Each signature of a loaded key is found in the registry, under its holder."""
    registry = keyring.registry(home)
    sms = keyring.ministry(home, "sms")
    signers = [
        (
            keyring.intake(home).receipt,
            registry.authority("receipt-2026-11", "receipt"),
        ),
        (
            keyring.dedupe(home).statement,
            registry.authority("statement-2026-11", "statement"),
        ),
        (
            keyring.release(home).release,
            registry.authority("release-2026-11", "release"),
        ),
        (
            keyring.control(home).control,
            registry.authority("control-2026-11", "control"),
        ),
        (sms.sign, registry.signer("sms-sign-2026-11", "TM/GOV/SMS/HUB")),
    ]

    for key, public in signers:
        assert key.private.public_key() == public
        assert key.key_id in registry.keys
    key_id, public_seal = registry.recipient("TM/GOV/SMS/HUB")
    assert sms.seals[key_id].public() == public_seal
    assert "iom" not in json.dumps(sorted(registry.keys))


@pytest.mark.parametrize("principal", LOADERS)
def test_a_loader_needs_its_own_folder_only(
    home: Path, tmp_path_factory: pytest.TempPathFactory, principal: str
) -> None:
    """In production nothing but the principal's folder is mounted."""
    alone = tmp_path_factory.mktemp("alone")
    shutil.copytree(home / "keys" / principal, alone / "keys" / principal)

    LOADERS[principal](alone)

    for other, load in LOADERS.items():
        if other != principal:
            with pytest.raises(MachineError, match="is missing: `kerwen up`"):
                load(alone)


def test_a_principal_holds_nothing_of_another(home: Path) -> None:
    """Secrets are shared along arrows and nowhere else."""
    texts = {
        name: "".join(
            path.read_text() for path in sorted((home / "keys" / name).iterdir())
        )
        for name in ("intake", "dedupe", "aggregate", "release", "control", "sms")
    }

    assert "pseudonym" in texts["intake"]
    assert "noise" in texts["release"]
    for name, text in texts.items():
        assert ("pseudonym" in text) == (name == "intake")
        assert ("noise" in text) == (name == "release")
        assert ('"seal"' in text) == (name in ("intake", "sms"))


def test_files_are_private_and_the_registry_is_public(home: Path) -> None:
    """0600 for secrets, 0700 for folders, 0644 for public keys."""
    modes = {
        path: stat.S_IMODE(path.stat().st_mode) for path in (home / "keys").rglob("*")
    }

    for path, mode in modes.items():
        if path.name == "registry.json":
            assert mode == 0o644
        else:
            assert mode == (0o700 if path.is_dir() else 0o600)


def test_a_second_run_changes_nothing(home: Path) -> None:
    """Keys are made once, also when the month has changed."""
    before = files(home)

    registry = keyring.create(home, BOTH, entropy=counting(), now_ms=DECEMBER_MS)

    assert files(home) == before
    assert registry == keyring.registry(home)


def test_a_new_member_gets_keys_and_nobody_else_does(home: Path) -> None:
    """Onboarding touches no existing key."""
    before = files(home)
    more = catalogue(*BOTH.members.values(), member("moe"))

    keyring.create(home, more, now_ms=DECEMBER_MS)

    after = files(home)
    del before["keys/registry.json"]
    assert before.items() <= after.items()
    assert keyring.ministry(home, "moe").sign.key_id == "moe-sign-2026-12"


def test_a_crash_before_the_registry_is_mended(home: Path) -> None:
    """A registry that is gone is written again from the folders."""
    expected = keyring.registry(home)
    (home / "keys" / "registry.json").unlink()

    again = keyring.create(home, BOTH, now_ms=NOVEMBER_MS)

    assert again == expected


def test_a_lost_end_of_an_arrow_is_filled_from_the_other(home: Path) -> None:
    """The key of an arrow survives in either folder."""
    lost = keyring.aggregate(home)
    shutil.rmtree(home / "keys" / "aggregate")

    keyring.create(home, BOTH, now_ms=DECEMBER_MS)

    assert keyring.aggregate(home) == lost


def test_a_revoked_key_stays_revoked(home: Path) -> None:
    """Running create again does not bring a revoked key back."""
    path = home / "keys" / "registry.json"
    content = json.loads(path.read_text())
    content["sms-sign-2026-11"]["status"] = "revoked"
    path.write_text(json.dumps(content))

    registry = keyring.create(home, BOTH, now_ms=DECEMBER_MS)

    assert registry.keys["sms-sign-2026-11"].status == "revoked"


def test_the_newest_epoch_is_used_and_older_ones_are_kept(home: Path) -> None:
    """After a rotation blocks of the old epoch still open."""
    for name in ("intake", "dedupe"):
        path = home / "keys" / name / "secrets.json"
        content = json.loads(path.read_text())
        epochs = content["internal"]["records"]
        epochs["records-2026-12"] = "B" * 43 + "="
        path.write_text(json.dumps(content))

    key = keyring.dedupe(home).records

    assert key.key_id == "records-2026-12"
    assert [one.key_id for one in key.older] == ["records-2026-11"]


def test_ends_that_differ_are_refused(home: Path) -> None:
    """Two secrets under one key id cannot both be right."""
    path = home / "keys" / "dedupe" / "secrets.json"
    content = json.loads(path.read_text())
    content["internal"]["records"]["records-2026-11"] = "A" * 43 + "="
    path.write_text(json.dumps(content))

    with pytest.raises(InvalidError, match="differs at the other end"):
        keyring.create(home, BOTH, now_ms=NOVEMBER_MS)


def test_a_key_that_is_not_the_registered_one_is_refused(home: Path) -> None:
    """A replaced file does not quietly become the member's key."""
    ours = home / "keys" / "sms" / "sms-sign-2026-11.pem"
    theirs = home / "keys" / "mfa" / "mfa-sign-2026-11.pem"
    ours.write_bytes(theirs.read_bytes())

    with pytest.raises(InvalidError, match="is not the key in its folder"):
        keyring.create(home, BOTH, now_ms=NOVEMBER_MS)


def test_a_member_cannot_be_named_like_a_principal(tmp_path: Path) -> None:
    """Else a ministry's folder would be a stage's."""
    with pytest.raises(InvalidError, match="principal of the hub"):
        keyring.create(tmp_path, catalogue(member("intake")), now_ms=NOVEMBER_MS)
    assert not (tmp_path / "keys").exists()


def spoil_mode(folder: Path) -> None:
    """Let others read the secrets."""
    (folder / "secrets.json").chmod(0o640)


def spoil_json(folder: Path) -> None:
    """Cut the file."""
    (folder / "secrets.json").write_text("{")


def spoil_shape(folder: Path) -> None:
    """Another shape of JSON."""
    (folder / "secrets.json").write_text('{"internal": []}')


def spoil_secret(folder: Path) -> None:
    """A secret of another length."""
    path = folder / "secrets.json"
    content = json.loads(path.read_text())
    content["internal"]["records"]["records-2026-11"] = "AAAA"
    path.write_text(json.dumps(content))


def spoil_base64(folder: Path) -> None:
    """A secret that is no base64."""
    path = folder / "secrets.json"
    content = json.loads(path.read_text())
    content["internal"]["records"]["records-2026-11"] = "*"
    path.write_text(json.dumps(content))


def lose_secrets(folder: Path) -> None:
    """No file of secrets."""
    (folder / "secrets.json").unlink()


def lose_pem(folder: Path) -> None:
    """No signing key."""
    (folder / "receipt-2026-11.pem").unlink()


def spoil_pem(folder: Path) -> None:
    """A text that is no PEM."""
    (folder / "receipt-2026-11.pem").write_text("-----BEGIN")


def swap_pem(folder: Path) -> None:
    """A key of another kind."""
    key = generate_private_key(SECP256R1())
    (folder / "receipt-2026-11.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def lock_pem(folder: Path) -> None:
    """A key under a password."""
    key = generate_private_key(SECP256R1())
    (folder / "receipt-2026-11.pem").write_bytes(
        key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"two persons")
        )
    )


@pytest.mark.parametrize(
    ("spoil", "kind", "text"),
    [
        (spoil_mode, MachineError, "chmod 600"),
        (spoil_json, InvalidError, "is not JSON"),
        (spoil_shape, InvalidError, "not an object of objects"),
        (spoil_secret, InvalidError, "is not 32 bytes"),
        (spoil_base64, InvalidError, "is not base64"),
        (lose_secrets, MachineError, "lacks"),
        (lose_pem, MachineError, "is missing: `kerwen up`"),
        (spoil_pem, InvalidError, "no private key in PEM"),
        (swap_pem, InvalidError, "not an Ed25519 key"),
        (lock_pem, MachineError, "is locked"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    home: Path, spoil: Callable[[Path], None], kind: type[HubError], text: str
) -> None:
    """One line names the file and how to mend it; no secret is in it."""
    spoil(home / "keys" / "intake")

    with pytest.raises(kind, match=text) as caught:
        keyring.intake(home)
    assert str(home / "keys" / "intake") in str(caught.value)


def test_a_missing_registry_names_the_command(tmp_path: Path) -> None:
    """Without keys, the way to them is said."""
    with pytest.raises(MachineError, match="kerwen up"):
        keyring.registry(tmp_path)


def test_secrets_stay_out_of_repr(home: Path) -> None:
    """Loaded keys may be logged: ids only."""
    secret = keyring.release(home).disclosure

    for load in LOADERS.values():
        assert "\\x" not in repr(load(home))
    assert str(secret) not in repr(keyring.release(home))
