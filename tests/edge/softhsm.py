"""A token in software: SoftHSM, with one token called kerwen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pkcs11 as library
import pytest

from hub.edge import pkcs11
from hub.edge.staging import Item

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "kerwen"
PIN = "41977"
CONFIGURATION = "SOFTHSM2_CONF"


def initialise(room: Path) -> None:
    """Make the token below a folder."""
    (room / "tokens").mkdir()
    (room / "softhsm.conf").write_text(f"directories.tokendir = {room}/tokens\n")
    (room / "pin").write_text(f"{PIN}\n")
    (room / "pin").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIGURATION, str(room / "softhsm.conf"))
        subprocess.run(
            [
                *("softhsm2-util", "--init-token", "--free", "--label", LABEL),
                *("--so-pin", "87654321", "--pin", PIN),
            ],
            check=True,
            capture_output=True,
        )


def use(room: Path, patch: pytest.MonkeyPatch) -> None:
    """Set what an operator sets, and have this process read the token anew.

    A library keeps what it was first told: the token of an earlier test, else.
    """
    for name, value in (
        (CONFIGURATION, str(room / "softhsm.conf")),
        (pkcs11.MODULE, MODULE),
        (pkcs11.TOKEN, LABEL),
        (pkcs11.PIN_FILE, str(room / "pin")),
    ):
        patch.setenv(name, value)
    pkcs11.forget()
    library.lib(MODULE).reinitialize()


def hubs_own(kind: str, key_id: str) -> Item:
    """A signing key of the hub that belongs into the token, held where it signs."""
    return Item(kind=kind, key_id=key_id, member="hub", holders=(kind,), token=True)
