"""Custody: any two of three unlock, one never does, and nothing lies about."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.core.errors import InvalidError, MachineError
from hub.edge import custodians, keyfiles, keylocks, keyring, staging, vault
from hub.edge.custodians import Custody
from hub.edge.files import read_catalogue
from hub.edge.settings import Home
from hub.edge.staging import Item

NOW_MS = 1_794_700_000_000
CATALOGUE = read_catalogue()
CUSTODY = custodians.split(os.urandom)
OTHER = custodians.split(os.urandom)
HUB = Item(kind="hub", key_id="hub-2026-11b", member="hub", holders=("intake",))


@pytest.fixture
def plain(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with keys that nobody has locked, and a memory of its own."""
    monkeypatch.setenv("KERWEN_UNLOCKED", str(tmp_path / "memory"))
    shutil.copytree(november, tmp_path / "home" / "keys")
    return tmp_path / "home"


@pytest.fixture
def home(plain: Path) -> Path:
    """A home under custody, shut."""
    keylocks.lock(plain, CUSTODY, now_ms=NOW_MS)
    keylocks.forget(plain)
    return plain


def locked_keys(home: Path) -> tuple[object, ...]:
    """Everything that a lock is there for, to be compared."""
    intake = keyring.intake(home)
    return intake.hub, intake.pseudonyms, keyring.release(home).disclosure


@pytest.mark.parametrize("pair", list(itertools.permutations(range(3), 2)))
def test_any_two_shares_make_the_master(pair: tuple[int, int]) -> None:
    """In any order, as they stand in their files."""
    texts = [
        custodians.share_text(CUSTODY, number + 1, NOW_MS, warn=False)
        for number in pair
    ]

    found = custodians.combine(texts)

    assert (found.master, found.name) == (CUSTODY.master, CUSTODY.name)


def mistyped(words: str) -> str:
    """A share with another word in it."""
    first, *rest = words.split()
    return " ".join([*rest[:5], first, *rest[5:]])


WRONG: dict[str, tuple[list[str], str]] = {
    "none": ([], "0 share of the 2"),
    "one": ([CUSTODY.shares[0]], "1 share of the 2"),
    "twice": ([CUSTODY.shares[1]] * 2, "second share was given before"),
    "mistyped": ([CUSTODY.shares[0], mistyped(CUSTODY.shares[1])], "second share is m"),
    "cut": ([CUSTODY.shares[0][:40], CUSTODY.shares[1]], "first share is mistyped"),
    "no words": (["\x00\xff", CUSTODY.shares[1]], "first share is mistyped"),
    "other": ([CUSTODY.shares[0], OTHER.shares[1]], "second share is of another"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_share_is_said(name: str) -> None:
    """Which one and why; never a word of it."""
    texts, expected = WRONG[name]

    with pytest.raises(InvalidError, match=expected) as caught:
        custodians.combine(texts)

    # One word alone proves nothing: "custody" is on the list that shares are made of.
    words = CUSTODY.shares[0].split()[4:]
    said = str(caught.value)
    assert not [pair for pair in itertools.pairwise(words) if " ".join(pair) in said]


@pytest.mark.parametrize(
    ("load", "principal"),
    [(keyring.intake, "intake"), (keyring.release, "release")],
)
def test_a_locked_stage_says_who_unlocks_it(
    home: Path, load: Callable[[Path], object], principal: str
) -> None:
    """And has its keys as they were after two custodians came."""
    with pytest.raises(MachineError, match="kerwen keys unlock") as caught:
        load(home)
    assert str(home / "keys" / principal) in str(caught.value)

    assert keylocks.unlock(home, CUSTODY) == ["intake", "release"]
    unlocked = load(home)
    assert keylocks.forget(home) == ["intake", "release"]
    with pytest.raises(MachineError):
        load(home)
    assert principal in repr(unlocked).lower()


def test_the_keys_are_those_of_before(plain: Path) -> None:
    """Locking changes no secret."""
    before = locked_keys(plain)

    keylocks.lock(plain, CUSTODY, now_ms=NOW_MS)

    assert locked_keys(plain) == before


def test_nothing_that_was_locked_lies_on_the_disk(plain: Path) -> None:
    """Not as base64, not as bytes, not the master, not a share."""
    folder = keyfiles.read_secrets(plain / "keys" / "intake")
    release = keyfiles.read_secrets(plain / "keys" / "release")
    texts = [
        *folder["pseudonym"].values(),
        *(seal["seed"] for seal in folder["seal"].values()),
        *release["disclosure"].values(),
        base64.b64encode(CUSTODY.master).decode(),
    ]
    needles = [needle for text in texts for needle in (text, base64.b64decode(text))]
    needles += CUSTODY.shares

    keylocks.lock(plain, CUSTODY, now_ms=NOW_MS)

    disk = b"".join(p.read_bytes() for p in plain.rglob("*") if p.is_file())
    for needle in needles:
        assert (needle.encode() if isinstance(needle, str) else needle) not in disk


def test_stages_that_hold_no_such_secret_need_no_custodian(home: Path) -> None:
    """Dedupe, aggregate, control and ministries start as ever."""
    keyring.dedupe(home)
    keyring.aggregate(home)
    keyring.control(home)
    keyring.ministry(home, "sms")


def test_other_custodians_unlock_nothing(home: Path) -> None:
    """By the name of the custody; and a forged name does not help."""
    with pytest.raises(InvalidError, match=f"under custody {CUSTODY.name}"):
        keylocks.unlock(home, OTHER)
    forged = Custody(name=CUSTODY.name, master=OTHER.master, shares=())
    with pytest.raises(InvalidError, match="not the custodians of intake"):
        keylocks.unlock(home, forged)
    assert keylocks.forget(home) == []


def test_the_lock_of_one_host_does_not_open_another(home: Path) -> None:
    """What intake's host holds in memory is of no use at release's."""
    keylocks.unlock(home, CUSTODY)
    key = vault.held(home / "keys" / "intake")
    found = vault.read(home / "keys" / "release")

    assert key is not None
    assert found is not None
    with pytest.raises(InvalidError, match="does not open"):
        found.open(key)


def test_new_custodians_end_the_shares_of_the_old(plain: Path) -> None:
    """A share that was lost, or whose holder has left, opens nothing new."""
    keylocks.lock(plain, CUSTODY, now_ms=NOW_MS)
    before = locked_keys(plain)
    keylocks.lock(plain, OTHER, now_ms=NOW_MS)
    keylocks.forget(plain)

    with pytest.raises(InvalidError):
        keylocks.unlock(plain, CUSTODY)
    keylocks.unlock(plain, OTHER)
    assert locked_keys(plain) == before


def test_keys_are_rotated_under_lock(home: Path) -> None:
    """Shut: refused. Open: the new key is locked like the old."""
    with pytest.raises(MachineError, match="is locked"):
        staging.make(Home(root=home), HUB, os.urandom)

    keylocks.unlock(home, CUSTODY)
    staging.make(Home(root=home), HUB, os.urandom)

    assert sorted(keyring.intake(home).hub) == ["hub-2026-11", "hub-2026-11b"]
    assert "hub-2026" not in (home / "keys" / "intake" / "secrets.json").read_text()
    keylocks.forget(home)
    keylocks.unlock(home, CUSTODY)
    assert len(keyring.intake(home).hub) == 2


def test_a_crash_after_locking_leaves_the_same_keys(plain: Path) -> None:
    """Both files hold them then; the next write takes them out of the plain one."""
    before = locked_keys(plain)
    text = (plain / "keys" / "intake" / "secrets.json").read_text()
    keylocks.lock(plain, CUSTODY, now_ms=NOW_MS)
    (plain / "keys" / "intake" / "secrets.json").write_text(text)

    assert locked_keys(plain) == before
    keyring.create(plain, CATALOGUE, now_ms=NOW_MS)

    assert locked_keys(plain) == before
    left = json.loads((plain / "keys" / "intake" / "secrets.json").read_text())
    assert set(left) == {"internal"}


def test_a_new_hub_of_one_machine_works_out_of_the_box(plain: Path) -> None:
    """By shares that say what they are; nothing is put into memory."""
    keylocks.develop(plain, NOW_MS)

    keyring.intake(plain)
    shares = sorted((plain / "keys" / custodians.DEVELOPMENT).iterdir())
    assert len(shares) == 3
    assert all(custodians.WARNING in path.read_text() for path in shares)
    assert vault.held(plain / "keys" / "intake") is None
    before = locked_keys(plain)
    keylocks.lock(plain, CUSTODY, now_ms=NOW_MS)
    assert locked_keys(plain) == before  # the ceremony broke off before they went
    keylocks.develop(plain, NOW_MS)
    keylocks.forget(plain)
    shares[0].write_text("# lost\n")
    with pytest.raises(MachineError, match="first share is mistyped"):
        keyring.intake(plain)


@pytest.mark.parametrize("content", ["{", '{"slots": []}', '{"slots": [{}]}'])
def test_a_damaged_lock_is_named(home: Path, content: str) -> None:
    """With its file and what to do."""
    (home / "keys" / "intake" / vault.FILE).write_text(content)

    with pytest.raises(InvalidError, match=r"secrets\.locked is damaged"):
        keylocks.unlock(home, CUSTODY)


def test_secrets_that_were_changed_do_not_open(home: Path) -> None:
    """One bit of them, or another principal's file in their place."""
    keylocks.unlock(home, CUSTODY)
    path = home / "keys" / "intake" / vault.FILE
    said = json.loads(path.read_text())
    sealed = bytearray(base64.b64decode(said["sealed"]))
    sealed[7] ^= 1
    said["sealed"] = base64.b64encode(sealed).decode()
    path.write_text(json.dumps(said))

    with pytest.raises(InvalidError, match="does not open"):
        keyring.intake(home)


def test_memory_that_others_can_read_is_refused(home: Path, tmp_path: Path) -> None:
    """A folder of somebody else's making may be a trap."""
    keylocks.unlock(home, CUSTODY)
    (tmp_path / "memory").chmod(0o755)

    with pytest.raises(MachineError, match="belongs to others"):
        keyring.intake(home)
