"""Tokens, on SoftHSM: keys stay inside, files open by them, signatures verify."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pkcs11 as library
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.errors import InvalidError, MachineError
from hub.core.messages import Act, sign, verify
from hub.edge import custodians, keylocks, keyring, pkcs11, publickeys, staging
from hub.edge.files import read_catalogue
from hub.edge.settings import Home
from tests.edge import softhsm

NOW_MS = 1_794_700_000_000
CONTROL = softhsm.hubs_own("control", "control-2026-11b")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SoftHSM token called kerwen; the folder it lies in."""
    room = tmp_path_factory.mktemp("token")
    softhsm.initialise(room)
    return room


@pytest.fixture(autouse=True)
def environment(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator sets."""
    softhsm.use(token, monkeypatch)


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with keys and a memory of its own."""
    monkeypatch.setenv("KERWEN_UNLOCKED", str(tmp_path / "memory"))
    shutil.copytree(november, tmp_path / "home" / "keys")
    return Home(root=tmp_path / "home")


def test_what_a_token_seals_only_it_opens() -> None:
    """With the same name, by the key that never leaves it."""
    token = pkcs11.configured()
    sealed = pkcs11.seal(token, "wrap", b"k" * 32, b"intake")

    assert pkcs11.unseal(token, "wrap", sealed, b"intake") == b"k" * 32
    assert b"k" * 8 not in sealed
    with pytest.raises(MachineError):
        pkcs11.unseal(token, "wrap", sealed, b"release")
    with pytest.raises(MachineError, match="lacks a key"):
        pkcs11.unseal(token, "other", sealed, b"intake")


def test_the_wrapping_key_cannot_be_taken_out() -> None:
    """The token itself refuses to show it."""
    token = pkcs11.configured()
    pkcs11.seal(token, "inside", b"k" * 32, b"intake")

    def looked(session: Any) -> bool:
        key = session.get_key(
            object_class=library.ObjectClass.SECRET_KEY, label="inside"
        )
        with pytest.raises(library.exceptions.AttributeSensitive):
            key[library.Attribute.VALUE]
        return bool(key[library.Attribute.EXTRACTABLE])

    assert not token.ask(looked)


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        (library.exceptions.GeneralError, 3),
        (library.exceptions.UserPinNotInitialized, 3),
        (library.exceptions.PinIncorrect, 1),
        (library.exceptions.NoSuchKey, 1),
    ],
)
def test_a_fault_that_may_pass_is_asked_again(
    fault: type[Exception], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SoftHSM takes a token for damaged that another process writes to just then."""
    monkeypatch.setattr(pkcs11, "PAUSE_SECONDS", 0.0)
    sessions: list[Any] = []

    def troubled(session: Any) -> str:
        sessions.append(session)
        if len(sessions) < 3:
            raise fault
        return str(session.token.label)

    token = pkcs11.configured()
    if asked == 1:
        with pytest.raises(MachineError):
            token.ask(troubled)
    else:
        assert token.ask(troubled) == softhsm.LABEL
    assert len({id(session) for session in sessions}) == len(sessions) == asked


def test_a_fault_that_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many tries, by its name."""
    monkeypatch.setattr(pkcs11, "PAUSE_SECONDS", 0.0)
    asked: list[Any] = []

    def troubled(session: Any) -> None:
        asked.append(session)
        raise library.exceptions.GeneralError

    with pytest.raises(MachineError, match="GeneralError"):
        pkcs11.configured().ask(troubled)
    assert len(asked) == pkcs11.TRIES


def test_a_token_unlocks_key_files(home: Home) -> None:
    """Beside the custodians, who still can; without it they stay shut."""
    custody = custodians.split(os.urandom)
    with pytest.raises(MachineError, match="nothing in"):
        keylocks.add_token(home.root, pkcs11.configured())
    keylocks.lock(home.root, custody, now_ms=NOW_MS)
    before = keyring.intake(home.root).pseudonyms

    assert keylocks.add_token(home.root, pkcs11.configured()) == ["intake", "release"]
    keylocks.forget(home.root)
    with pytest.raises(MachineError, match="is locked"):
        keyring.intake(home.root)
    keylocks.unlock_by(home.root, pkcs11.configured())
    assert keyring.intake(home.root).pseudonyms == before
    keylocks.forget(home.root)
    keylocks.unlock(home.root, custody)
    assert keyring.intake(home.root).pseudonyms == before


def test_a_signing_key_lives_in_the_token(home: Home) -> None:
    """Rotated into it, it signs what the registry's public half verifies."""
    for _ in range(2):  # as often as one likes
        staging.make(home, CONTROL, os.urandom)
        public = staging.public(home, CONTROL, NOW_MS)
        assert public is not None
        publickeys.add(home.root, [public])
        staging.use(home, CONTROL)

    key = keyring.control(home.root).control
    act = Act(
        previous=bytes(32),
        sequence=1,
        actor="aman",
        verb="keys rotate",
        subject="",
        reason=b"",
        created_ms=NOW_MS,
        key_id=key.key_id,
    )
    assert key.key_id == "control-2026-11b"
    registry = keyring.registry(home.root)
    verify(sign(act, key.private), registry.authority(key.key_id, "control"))
    assert (home.keys / "control" / "control-2026-11b.p11").stat().st_mode & 0o77 == 0
    assert keyring.create(home.root, read_catalogue(), now_ms=NOW_MS) == registry


def test_a_signing_key_does_not_leave_the_token(home: Home) -> None:
    """Whatever asks for its bytes is refused; a copy is the same key."""
    staging.make(home, CONTROL, os.urandom)
    staging.use(home, CONTROL)
    private = keyring.control(home.root).control.private

    assert isinstance(private, Ed25519PrivateKey)
    with pytest.raises(InvalidError, match="cannot leave its token"):
        private.private_bytes_raw()
    assert copy.deepcopy(private) is copy.copy(private) is private


def test_a_key_of_another_token_never_signs(home: Home) -> None:
    """The signature is checked before it is given away."""
    staging.make(home, CONTROL, os.urandom)
    staging.use(home, CONTROL)
    path = home.keys / "control" / "control-2026-11b.p11"
    good = path.read_text()
    other = keyring.registry(home.root).keys["receipt-2026-11"].public.hex()
    path.write_text(good.replace(good.split('"')[-2], other))

    with pytest.raises(MachineError, match="is another key"):
        keyring.control(home.root).control.private.sign(b"x")
    path.write_text(good.replace('"token": "kerwen"', '"token": "elsewhere"'))
    with pytest.raises(MachineError, match="is in token elsewhere"):
        keyring.control(home.root).control.private.sign(b"x")
    path.write_text("{")
    with pytest.raises(InvalidError, match="is damaged"):
        keyring.control(home.root)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (pkcs11.MODULE, "", "PKCS11_MODULE is missing"),
        (pkcs11.MODULE, "/nowhere.so", "nowhere.so"),
        (pkcs11.TOKEN, "", "PKCS11_TOKEN is missing"),
        (pkcs11.TOKEN, "lost", "has no such token"),
        (pkcs11.PIN_FILE, "", "PIN_FILE is missing"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    """The variable, the module or the token."""
    monkeypatch.setenv(name, value)

    with pytest.raises(MachineError, match=text):
        pkcs11.seal(pkcs11.configured(), "wrap", b"k", b"")


def test_a_wrong_pin_is_refused_and_not_repeated() -> None:
    """In the error there is no PIN; the right one still works."""
    with pytest.raises(MachineError, match="refuses the PIN") as caught:
        pkcs11.seal(pkcs11.configured("90210"), "wrap", b"k", b"")

    assert "90210" not in str(caught.value)
    assert "90210" not in repr(pkcs11.configured("90210"))
    pkcs11.seal(pkcs11.configured(), "wrap", b"k", b"")
