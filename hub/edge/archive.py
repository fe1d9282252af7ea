"""A sealed archive of a home's files: for a disk that burns.

Rules (docs/recovery.md):

- Only the holder of the recovery key opens it; the machine that writes it has the
  writing half alone. The data key is wrapped for it (HPKE, as in envelopes).
- Only a holder of the writing half can have made what opens: a word of 32 bytes, in
  both halves and nowhere else, is bound into the wrapping. Who can put a file in the
  place of an archive can forge none; who has the writing half can read none.
- A tar stream in sealed chunks of a megabyte. Each chunk's nonce is its number, and the
  last one is marked, so a chunk that was changed, moved or cut off is refused.
- Files appear whole; what is there is not overwritten unless it was named.
- Spools are copied by SQLite itself, so a writer at work does no harm.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core.envelope.format import SUITE_XWING
from hub.core.envelope.recipients import PrivateKey, PublicKey, generate, unwrap, wrap
from hub.core.errors import EnvelopeError, InvalidError, MachineError
from hub.core.reasons import Reason
from hub.edge.keyfiles import read_text, refuse_shared, write_file

MAGIC = b"kerwen backup v1\n"
CHUNK_BYTES = 1 << 20
KEY_SIZE = 32
_TAG_SIZE = 16
_HEAD_BYTES_MAX = 1 << 14
_INFO = b"kerwen v1 backup\0"
_LAST = 1 << 95
"""Added to the number of the last chunk; no archive has as many."""

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The half of a recovery key that archives are written with; both have its word."""

    public: PublicKey
    word: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A recovery key."""

    private: PrivateKey
    word: bytes = field(repr=False)

    @property
    def writing(self) -> Writing:
        """Its half for the machine that writes."""
        return Writing(public=self.private.public(), word=self.word)


def make_key(path: Path, entropy: Entropy = os.urandom) -> Path:
    """Make a recovery key and, beside it, its writing half; where that is.

    Raises:
        InvalidError: There is a key already: what was sealed for it needs it.
    """
    if path.exists():
        raise InvalidError(f"{path} exists: archives may need it; name another file")
    key, word = generate(SUITE_XWING, entropy), entropy(KEY_SIZE)
    public = path.with_name(path.name + ".pub")
    for target, half in ((path, key.seed), (public, key.public().raw)):
        said = {"recovery": half, "word": word}
        plain = {name: base64.b64encode(one).decode() for name, one in said.items()}
        write_file(target, json.dumps(plain).encode() + b"\n", 0o600)
    return public


def read_key(path: Path) -> Recovery:
    """The recovery key in a file."""
    half, word = _halves(path)
    return Recovery(private=PrivateKey(suite=SUITE_XWING, seed=half), word=word)


def read_public(path: Path) -> Writing:
    """The writing half in a file."""
    half, word = _halves(path)
    return Writing(public=PublicKey(suite=SUITE_XWING, raw=half), word=word)


def write(
    target: Path,
    root: Path,
    parts: Collection[Path],
    *,
    to: Writing,
    about: dict[str, Any],
    entropy: Entropy = os.urandom,
) -> int:
    """Seal files below `root` into `target`; how many.

    Args:
        target: The archive; it appears whole or not at all.
        root: Names in the archive are relative to it.
        parts: Files and folders; links and sockets inside are left out.
        to: Who can open it.
        about: Stands at the beginning of the archive.
        entropy: Source of the data key.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    number = 0
    try:
        with draft.open("xb") as out:
            draft.chmod(0o600)
            sealer = _Sealer(out, to, entropy)
            with tarfile.open(fileobj=sealer, mode="w|") as tar:
                _put(tar, "backup.json", json.dumps(about).encode())
                for path in _files(parts):
                    _add(tar, path, path.relative_to(root).as_posix())
                    number += 1
            sealer.finish()
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    except OSError as error:
        raise MachineError(f"{target}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return number


def restore(
    source: Path, root: Path, key: Recovery, only: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Open an archive into a home; what it says of itself, and the files.

    Args:
        source: The archive.
        root: The home.
        key: The recovery key.
        only: Files or folders to bring back over what is there, as names or patterns;
            what was there is kept beside as ``<name>.old``. Empty: everything, into an
            empty home.

    Raises:
        EnvelopeError: It was sealed for another key, or by somebody else.
        InvalidError: It was changed or cut off, or a file is in the way.
    """
    about: dict[str, Any] = {}
    found: list[str] = []
    asked: set[str] = set()
    try:
        with source.open("rb") as file:
            opener = _Opener(file, key, source)
            reader = io.BufferedReader(opener, CHUNK_BYTES)
            with tarfile.open(fileobj=reader, mode="r|") as tar:
                for one in tar:
                    content = tar.extractfile(one)
                    if content is None or not one.isfile():
                        raise InvalidError(f"{source}: {one.name} is no plain file")
                    if one.name == "backup.json":
                        about = json.loads(content.read())
                    elif not only or (named := _named(one.name, only)):
                        _bring(root, one, content, replace=bool(only))
                        found.append(one.name)
                        asked |= named if only else set()
            while reader.read(CHUNK_BYTES):  # up to the mark of the last chunk
                pass
    except (OSError, tarfile.TarError, ValueError) as error:
        raise InvalidError(f"{source}: not a whole archive ({error})") from error
    missing = sorted({*only} - asked)
    if missing:
        raise InvalidError(f"{source} holds no {missing[0]}")
    return about, found


def _named(name: str, only: Collection[str]) -> set[str]:
    """What of `only` a file's name is meant by."""
    return {
        one
        for one in only
        if fnmatch.fnmatchcase(name, one) or name.startswith(f"{one}/")
    }


def _bring(root: Path, one: tarfile.TarInfo, content: Any, *, replace: bool) -> None:
    path = root / one.name
    if not path.resolve().is_relative_to(root.resolve()):
        raise InvalidError(f"{one.name} would lie outside {root}")
    if path.exists():
        if not replace:
            raise InvalidError(
                f"{path} is there already: restore into an empty KERWEN_HOME, or name "
                "single files with --only"
            )
        path.replace(path.with_name(path.name + ".old"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, one.mode & 0o700)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, CHUNK_BYTES)
        os.fchmod(file.fileno(), one.mode & 0o755)
    draft.replace(path)


def _files(parts: Collection[Path]) -> Iterator[Path]:
    for part in parts:
        for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
            # SQLite's own copy has what its log had.
            beside = path.name.endswith((".sqlite-wal", ".sqlite-shm"))
            if path.is_file() and not path.is_symlink() and not beside:
                yield path


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    if path.suffix != ".sqlite":
        tar.add(path, name, recursive=False)
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / path.name
        source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        target = sqlite3.connect(copy)
        try:
            source.backup(target)
        except sqlite3.Error as error:
            raise MachineError(f"{path}: not a usable spool ({error})") from error
        finally:
            source.close()
            target.close()
        copy.chmod(0o600)
        tar.add(copy, name, recursive=False)


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _nonce(number: int, *, last: bool) -> bytes:
    return (number + (_LAST if last else 0)).to_bytes(12, "big")


class _Sealer(io.RawIOBase):
    """A file that seals what is written to it."""

    def __init__(self, out: BinaryIO, to: Writing, entropy: Entropy) -> None:
        super().__init__()
        secret = entropy(KEY_SIZE)
        encapsulation, wrapped = wrap(to.public, secret, _INFO + to.word)
        head = encapsulation + wrapped
        self._out = out
        self._seal = AESGCM(secret)
        self._about = hashlib.sha256(MAGIC + head).digest()
        self._held = b""
        self._number = 0
        out.write(MAGIC + len(head).to_bytes(4, "big") + head)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, content: Any) -> int:
        """Take more; whole chunks go out."""
        self._held += content
        while len(self._held) > CHUNK_BYTES:
            self._send(self._held[:CHUNK_BYTES], last=False)
            self._held = self._held[CHUNK_BYTES:]
        return len(content)

    def finish(self) -> None:
        """Send the last chunk, marked."""
        self._send(self._held, last=True)

    def _send(self, chunk: bytes, *, last: bool) -> None:
        nonce = _nonce(self._number, last=last)
        self._out.write(self._seal.encrypt(nonce, chunk, self._about))
        self._number += 1


class _Opener(io.RawIOBase):
    """What a :class:`_Sealer` was given; InvalidError at the first wrong byte."""

    def __init__(self, file: BinaryIO, key: Recovery, name: Path) -> None:
        super().__init__()
        if file.read(len(MAGIC)) != MAGIC:
            raise InvalidError(f"{name} is no archive of `kerwen backup`")
        size = int.from_bytes(file.read(4), "big")
        head = file.read(min(size, _HEAD_BYTES_MAX))
        wrapped = KEY_SIZE + _TAG_SIZE
        capsule, sealed = head[:-wrapped], head[-wrapped:]
        private, info = key.private, _INFO + key.word
        try:
            secret = unwrap(private, private.suite, capsule, sealed, info)
        except EnvelopeError as error:
            raise EnvelopeError(
                Reason.KEY,
                f"{name} was not made for this recovery key, or not by its own home",
            ) from error
        self._open = AESGCM(secret)
        self._about = hashlib.sha256(MAGIC + head).digest()
        self._file, self._name = file, name
        self._next = file.read(CHUNK_BYTES + _TAG_SIZE)
        self._number = 0
        self._held = b""
        self._done = False

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill as much of `buffer` as the next chunk has."""
        while not self._held and not self._done:
            chunk, self._next = self._next, self._file.read(CHUNK_BYTES + _TAG_SIZE)
            nonce = _nonce(self._number, last=not self._next)
            try:
                self._held = self._open.decrypt(nonce, chunk, self._about)
            except InvalidTag as error:
                text = f"{self._name} was changed or cut off: take another archive"
                raise InvalidError(text) from error
            self._number += 1
            self._done = not self._next
        taken = self._held[: len(buffer)]
        buffer[: len(taken)] = taken
        self._held = self._held[len(taken) :]
        return len(taken)


def _halves(path: Path) -> tuple[bytes, bytes]:
    """What a file of a recovery key holds: its half, and the word."""
    text = read_text(path)
    refuse_shared(path)
    try:
        said = json.loads(text)
        half = base64.b64decode(said["recovery"], validate=True)
        word = base64.b64decode(said["word"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path} is no recovery key") from error
    if len(word) != KEY_SIZE:  # without it nobody could tell who made an archive
        raise InvalidError(f"{path} is no recovery key")
    return half, word
