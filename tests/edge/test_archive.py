"""Archives: only the recovery key opens them, and not one that was touched."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.envelope.recipients import generate
from hub.core.errors import EnvelopeError, HubError, InvalidError
from hub.edge import archive
from hub.edge.archive import CHUNK_BYTES, Recovery, Writing

KEY = Recovery(private=generate(2, lambda size: b"r" * size), word=b"w" * 32)


def sealed(folder: Path, contents: dict[str, bytes]) -> Path:
    """An archive of a small home."""
    home = folder / "home"
    for name, content in contents.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    target = folder / "archive"
    archive.write(
        target, home, sorted(home.iterdir()), to=KEY.writing, about={"at": "now"}
    )
    return target


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES])
def test_what_was_sealed_comes_back(tmp_path: Path, size: int) -> None:
    """Byte for byte, mode for mode, whatever lies on the edge of a chunk."""
    contents = {"keys/a.pem": b"k" * size, "spool/b": b"", "c": bytes(range(256))}
    made = sealed(tmp_path, contents)

    about, found = archive.restore(made, tmp_path / "back", KEY)

    assert about == {"at": "now"}
    assert {n: (tmp_path / "back" / n).read_bytes() for n in found} == contents
    assert (tmp_path / "back/keys/a.pem").stat().st_mode & 0o777 == 0o600


def test_nothing_of_it_is_readable_without_the_key(tmp_path: Path) -> None:
    """Neither names nor content; another key does not open it."""
    made = sealed(tmp_path, {"keys/secret-name": b"a secret that is long enough"})
    text = made.read_bytes()

    assert b"secret" not in text
    other = replace(KEY, private=generate(2, lambda size: b"o" * size))
    with pytest.raises(EnvelopeError):
        archive.restore(made, tmp_path / "back", other)


@settings(max_examples=60)
@given(place=st.floats(0, 0.999), cut=st.booleans())
def test_a_touched_archive_is_refused(
    tmp_path_factory: pytest.TempPathFactory, place: float, cut: bool
) -> None:
    """One flipped bit or a missing end anywhere; and it is said in one line."""
    folder = tmp_path_factory.mktemp("touched")
    made = sealed(folder, {"a": b"a" * 5_000, "b": b"b" * 5_000})
    content = bytearray(made.read_bytes())
    at = int(place * len(content))
    content[at] ^= 1
    made.write_bytes(content[:at] if cut else content)

    with pytest.raises(HubError):
        archive.restore(made, folder / "back", KEY)


def test_chunks_cannot_be_dropped_at_the_end(tmp_path: Path) -> None:
    """The last chunk is marked, so a whole number of chunks is no archive either."""
    made = sealed(tmp_path, {"a": bytes(3 * CHUNK_BYTES)})
    content = made.read_bytes()
    head = len(content) % (CHUNK_BYTES + 16)
    made.write_bytes(content[: -(head or CHUNK_BYTES + 16)])

    with pytest.raises(InvalidError, match="cut off"):
        archive.restore(made, tmp_path / "back", KEY)


def test_an_archive_that_another_made_is_refused(tmp_path: Path) -> None:
    """Somebody who knows the public key alone, and puts a home of his own there."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "registry.json").write_bytes(b"{}")
    forged = tmp_path / "archive"
    to = Writing(public=KEY.private.public(), word=b"")
    archive.write(forged, home, [home / "registry.json"], to=to, about={})

    with pytest.raises(EnvelopeError, match="not by its own home"):
        archive.restore(forged, tmp_path / "back", KEY)

    assert not (tmp_path / "back").exists()


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """A home in use is not mixed with an old one; single files may be named."""
    made = sealed(tmp_path, {"keys/a": b"old", "keys/b": b"old"})
    home = tmp_path / "home"
    (home / "keys/a").write_bytes(b"new")
    with pytest.raises(InvalidError, match="there already"):
        archive.restore(made, home, KEY)
    assert (home / "keys/a").read_bytes() == b"new"

    archive.restore(made, home, KEY, ["keys/a"])

    assert (home / "keys/a").read_bytes() == b"old"
    assert (home / "keys/a.old").read_bytes() == b"new"
    with pytest.raises(InvalidError, match="holds no keys/c"):
        archive.restore(made, home, KEY, ["keys/c"])


def test_a_spool_in_use_is_copied_whole(tmp_path: Path) -> None:
    """What is committed is there, though its pages are in a log beside the file."""
    home = tmp_path / "home"
    home.mkdir()
    writer = sqlite3.connect(home / "sms.sqlite", isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE batches (at INTEGER)")
    writer.execute("INSERT INTO batches VALUES (7)")
    writer.execute("BEGIN")
    writer.execute("INSERT INTO batches VALUES (8)")
    target = tmp_path / "archive"
    archive.write(target, home, list(home.iterdir()), to=KEY.writing, about={})
    writer.close()

    _, found = archive.restore(target, tmp_path / "back", KEY)

    assert found == ["sms.sqlite"]
    reader = sqlite3.connect(tmp_path / "back" / "sms.sqlite")
    assert reader.execute("SELECT at FROM batches").fetchall() == [(7,)]
    reader.close()


def test_a_recovery_key_is_two_files(tmp_path: Path) -> None:
    """Both for their owners' eyes; none is ever replaced."""
    path = tmp_path / "recovery.key"
    public = archive.make_key(path)

    assert archive.read_public(public) == archive.read_key(path).writing
    assert len(archive.read_public(public).word) == 32
    assert (path.stat().st_mode | public.stat().st_mode) & 0o077 == 0
    seed = json.loads(path.read_text())["recovery"]
    assert seed not in public.read_text()
    with pytest.raises(InvalidError, match="exists"):
        archive.make_key(path)


@pytest.mark.parametrize("word", [None, "", "AAAA", "no base64", 7])
def test_a_recovery_key_without_its_word_is_none(tmp_path: Path, word: object) -> None:
    """Whoever took the word out of it would have forged archives believed."""
    path = tmp_path / "recovery.key"
    archive.make_key(path)
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "word": word}))

    with pytest.raises(InvalidError, match="no recovery key"):
        archive.read_key(path)
    path.write_text(json.dumps({"recovery": said["recovery"]}))
    with pytest.raises(InvalidError, match="no recovery key"):
        archive.read_key(path)
