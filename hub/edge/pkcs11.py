"""Tokens: keys that never leave the device (PKCS #11, library ``python-pkcs11``).

Rules (docs/keys.md, "Tokens"):

- ``KERWEN_PKCS11_MODULE`` names the vendor's library, ``KERWEN_PKCS11_TOKEN`` the label
  of the token, ``KERWEN_PKCS11_PIN_FILE`` a private file with its PIN, best in memory.
- Keys are made inside, sensitive and not extractable. One session a process is kept,
  and opened again after a fault: to log in and look up costs more than to sign.
- A signing key in a token is a file ``<key id>.p11``: token, label, public half. To
  whoever signs with it it is an Ed25519 key like any other.
- A library may read a token while another process writes to it, and then take it for
  damaged until it is loaded again (SoftHSM does): a fault that may pass is asked again
  :data:`TRIES` times with a library that begins anew; a PIN is never tried again.
- What is missing, wrong or locked is a MachineError that names it, never the PIN.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from hub.core.errors import InvalidError, MachineError
from hub.core.keys import SigningKey
from hub.edge.secretfiles import read_text, refuse_shared, write_file

T = TypeVar("T")

MODULE = "KERWEN_PKCS11_MODULE"
TOKEN = "KERWEN_PKCS11_TOKEN"  # noqa: S105 - the name of a variable
PIN_FILE = "KERWEN_PKCS11_PIN_FILE"
ENDING = ".p11"
NONCE_SIZE = 12
_EDWARDS25519 = b"\x13\x0cedwards25519"
"""DER of the curve's name, as PKCS #11 v3 spells it."""
_PUBLIC_SIZE = 32
_TAG_BITS = 128

TRIES = 5
PAUSE_SECONDS = 0.2
"""Before the second try; each one more waits so much longer."""
_LASTING = ("Pin", "NoSuch", "TokenNotPresent", "RuntimeError")
"""Faults that another try would not mend, or must not risk."""

_turn = threading.Lock()
"""Sessions of one process take turns: not every vendor's library bears threads."""
_kept: dict[str, Any] = {}
"""The open session, the token that it is of, and signing keys of it by label."""
_TOKEN, _SESSION = " token", " session"
"""No label begins with a space: a key's id is its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of one module, and the PIN for it."""

    module: str
    label: str
    pin: str = field(repr=False)

    def ask(self, question: Callable[[Any], T]) -> T:
        """What `question` finds in a session of the user; one at a time in a process.

        Args:
            question: Takes the session; it may be asked more than once.

        Raises:
            MachineError: The module, the token or the PIN is wrong.
        """
        from pkcs11 import exceptions  # noqa: PLC0415 - ministries do not install it

        with _turn:
            attempt = 0
            while True:
                attempt += 1
                try:
                    return question(self._opened(anew=attempt > 1))
                except (exceptions.PKCS11Error, RuntimeError) as error:
                    forget()
                    lasting = type(error).__name__.startswith(_LASTING)
                    if lasting or attempt == TRIES:
                        raise MachineError(self._said(error)) from error
                time.sleep(PAUSE_SECONDS * attempt)

    def present(self) -> None:
        """See that it is there and not blocked.

        Nobody logs in: a wrong PIN that is tried too often blocks it.

        Raises:
            MachineError: It is away or blocked, or its module cannot be used.
        """
        import pkcs11  # noqa: PLC0415 - as above
        from pkcs11 import exceptions  # noqa: PLC0415

        with _turn:
            try:
                found = pkcs11.lib(self.module).get_token(token_label=self.label)
                if pkcs11.TokenFlag.USER_PIN_LOCKED in found.flags:
                    raise exceptions.PinLocked
            except (exceptions.PKCS11Error, RuntimeError) as error:
                raise MachineError(self._said(error)) from error

    def _opened(self, *, anew: bool) -> Any:
        import pkcs11  # noqa: PLC0415 - as above
        from pkcs11 import exceptions  # noqa: PLC0415

        if _kept.get(_TOKEN) == self:
            return _kept[_SESSION]
        forget()
        library = pkcs11.lib(self.module)
        if anew:
            library.reinitialize()
        try:
            token = library.get_token(token_label=self.label)
        except exceptions.NoSuchToken:
            library.reinitialize()  # one that was plugged in after the library was read
            token = library.get_token(token_label=self.label)
        session = token.open(rw=True, user_pin=self.pin)
        _kept[_TOKEN], _kept[_SESSION] = self, session
        return session

    def _said(self, error: Exception) -> str:
        """What is wrong, for a person; never the PIN."""
        kind = type(error).__name__
        known = {
            "NoSuchToken": f"{TOKEN}={self.label}: {self.module} has no such token",
            "TokenNotPresent": f"the token {self.label} is not plugged in",
            "NoSuchKey": f"the token {self.label} lacks a key: restore its backup",
            "PinLocked": f"the token {self.label} is blocked: its officer frees it",
        }
        if kind.startswith("Pin") and kind != "PinLocked":
            return f"the token {self.label} refuses the PIN: see {PIN_FILE}"
        return known.get(kind, f"{MODULE}={self.module}: {kind}")


def forget() -> None:
    """Close the session that is kept, if any."""
    session = _kept.get(_SESSION)
    _kept.clear()
    if session is not None:
        with suppress(Exception):  # it may be what failed
            session.close()


def configured(pin: str | None = None) -> Token:
    """The token that the environment names.

    Args:
        pin: Typed by custodians; None: read from the file.

    Raises:
        MachineError: A variable or the PIN file is missing.
    """
    module, label = os.environ.get(MODULE), os.environ.get(TOKEN)
    if not module or not label:
        missing = MODULE if not module else TOKEN
        raise MachineError(f"no token is set up: {missing} is missing")
    if pin is None:
        path = os.environ.get(PIN_FILE)
        if not path:
            raise MachineError(f"{PIN_FILE} is missing: it names the file of the PIN")
        refuse_shared(Path(path))
        pin = read_text(Path(path)).strip()
    return Token(module=module, label=label, pin=pin)


def seal(token: Token, label: str, content: bytes, name: bytes) -> bytes:
    """`content` under the token's AES key called `label`, made where missing.

    Args:
        token: Which.
        label: Of the key.
        content: A data key of a file.
        name: What it is for; has to be the same for :func:`unseal`.
    """
    from pkcs11 import (  # noqa: PLC0415 - as above
        Attribute,
        GCMParams,
        KeyType,
        Mechanism,
        ObjectClass,
    )

    nonce = os.urandom(NONCE_SIZE)
    wanted = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.LABEL: label,
    }

    def sealed(session: Any) -> bytes:
        key = next(iter(session.get_objects(wanted)), None)
        if key is None:
            inside = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
            key = session.generate_key(
                KeyType.AES, 256, label=label, store=True, template=inside
            )
        found: bytes = key.encrypt(
            content,
            mechanism=Mechanism.AES_GCM,
            mechanism_param=GCMParams(nonce, name, _TAG_BITS),
        )
        return found

    return nonce + token.ask(sealed)


def unseal(token: Token, label: str, sealed: bytes, name: bytes) -> bytes:
    """What :func:`seal` sealed.

    Raises:
        MachineError: The token or its key is not there, or it is another one.
    """
    from pkcs11 import (  # noqa: PLC0415 - as above
        GCMParams,
        KeyType,
        Mechanism,
        ObjectClass,
    )

    def opened(session: Any) -> bytes:
        key = session.get_key(
            object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label=label
        )
        found: bytes = key.decrypt(
            sealed[NONCE_SIZE:],
            mechanism=Mechanism.AES_GCM,
            mechanism_param=GCMParams(sealed[:NONCE_SIZE], name, _TAG_BITS),
        )
        return found

    return token.ask(opened)


def make_signer(token: Token, path: Path, key_id: str) -> None:
    """Make an Ed25519 key in the token, and the file that stands for it.

    One that is there under this id already is taken: a run that broke off goes on.
    """
    from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass  # noqa: PLC0415

    wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: key_id}

    def made(session: Any) -> bytes:
        public = next(iter(session.get_objects(wanted)), None)
        if public is None:
            curve = session.create_domain_parameters(
                KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _EDWARDS25519}, local=True
            )
            public, _ = curve.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=key_id
            )
        return bytes(public[Attribute.EC_POINT])[-_PUBLIC_SIZE:]

    raw = token.ask(made)
    said = {"token": token.label, "label": key_id, "public": raw.hex()}
    write_file(path, (json.dumps(said) + "\n").encode(), 0o600)


def read_signer(path: Path, key_id: str) -> SigningKey:
    """The signing key that a file stands for; the token is asked when it signs.

    Raises:
        InvalidError: The file is damaged.
    """
    refuse_shared(path)
    try:
        said = json.loads(read_text(path))
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public"]))
        label, token = str(said["label"]), str(said["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path} is damaged: restore it from backup") from error
    return SigningKey(key_id=key_id, private=TokenKey(token, label, public))


class TokenKey(Ed25519PrivateKey):
    """An Ed25519 key inside a token."""

    def __init__(self, token: str, label: str, public: Ed25519PublicKey) -> None:
        self._token = token
        self._label = label
        self._public = public

    def sign(self, data: Any) -> bytes:
        """A signature made by the token, checked before it is given away.

        Raises:
            MachineError: The token is away, or signs with another key.
        """
        from pkcs11 import KeyType, Mechanism, ObjectClass  # noqa: PLC0415 - as above

        token = configured()
        if token.label != self._token:
            raise MachineError(f"{self._label} is in token {self._token}: set {TOKEN}")

        def signed(session: Any) -> bytes:
            key = _kept.get(self._label)
            if key is None:  # looking it up costs ten times what a signature does
                key = _kept[self._label] = session.get_key(
                    object_class=ObjectClass.PRIVATE_KEY,
                    key_type=KeyType.EC_EDWARDS,
                    label=self._label,
                )
            found: bytes = key.sign(bytes(data), mechanism=Mechanism.EDDSA)
            return found

        signature = token.ask(signed)
        try:
            self._public.verify(signature, bytes(data))
        except InvalidSignature as error:
            text = f"{self._label} in token {self._token} is another key"
            raise MachineError(text) from error
        return signature

    def public_key(self) -> Ed25519PublicKey:
        """The public half."""
        return self._public

    def private_bytes(self, *_: Any, **__: Any) -> Never:
        """Refuse: it never leaves the token."""
        raise InvalidError(f"{self._label} cannot leave its token")

    def private_bytes_raw(self) -> Never:
        """Refuse: it never leaves the token."""
        self.private_bytes()

    def __copy__(self) -> TokenKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenKey:
        return self
