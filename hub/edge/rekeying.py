"""Another hub with other pseudonym secrets, derived from the sealed log of the first.

Rules (docs/keys.md, "A leaked pseudonym secret"):

- The new hub is a home of its own beside the live one, which goes on meanwhile. It has
  the first one's keys, but for new pseudonym secrets and new internal keys.
- What the first hub's intake believed is copied, sealed as it is: judged by the bundle
  that was in force at its offset, in the order of its partition. Markers and config
  records are not: the new hub closes its own cuts.
- Signing keys that were revoked since count again while the log is copied, and are
  revoked again at the end.
- How far a copy came is in ``keys/rekeying.json``. What is copied twice is a duplicate
  batch to the new hub, and changes nothing.
- A log must reach back to its beginning: a lane whose first batches retention took
  cannot be followed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hub.core.bundle import NONE, Bundle
from hub.core.catalogue.model import Domain
from hub.core.envelope import format as layout
from hub.core.envelope import seal
from hub.core.errors import EnvelopeError, InvalidError, MachineError
from hub.core.log import Incoming, Send
from hub.core.messages import Config, Envelope, decode, verify
from hub.core.topics import parse_ministry, sources
from hub.edge import custodians, enacting, kafka, keyring, publickeys, vault
from hub.edge.bundles import Library
from hub.edge.keyfiles import (
    SECRET_SIZE,
    SECRETS,
    read_secrets,
    read_text,
    write_file,
    write_secrets,
)
from hub.edge.settings import Home, Settings

FILE = "rekeying.json"
WINDOW = 64
"""Messages between two notes of how far the copy came."""
WINDOW_BYTES = 16 << 20

_LEFT = {vault.FILE, custodians.FILE, SECRETS}
"""Files that are not taken as they are."""

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a re-keying came.

    Attributes:
        revoked: Signing keys that count again until the end.
        positions: ``topic/partition`` of the first hub -> next offset to be copied.
        copied: Batches sent so far.
        passed: Messages that the first hub did not believe.
    """

    revoked: tuple[str, ...]
    positions: dict[str, int]
    copied: int = 0
    passed: int = 0


def prepare(old: Home, new: Home, *, entropy: Entropy = os.urandom) -> Progress:
    """Give a new home the keys of an old one, with new pseudonym secrets.

    Raises:
        MachineError: The new home has keys, or the old ones are locked.
    """
    if new.keys.exists() and any(new.keys.iterdir()):
        raise MachineError(f"{new.keys} holds keys: re-key into an empty home only")
    registry = keyring.registry(old.root)
    draft = new.keys.with_name(".keys.new")
    shutil.rmtree(draft, ignore_errors=True)
    for folder in sorted(one for one in old.keys.iterdir() if one.is_dir()):
        if folder.name not in {custodians.DEVELOPMENT, "destroyed", "gateway"}:
            _take(folder, draft / folder.name, entropy)
    revoked = tuple(
        key.key_id
        for key in registry.keys.values()
        if (key.use, key.status) == ("sign", "revoked")
    )
    again = {
        key_id: replace(key, status="active") if key_id in revoked else key
        for key_id, key in registry.keys.items()
    }
    publickeys.store(draft, again)
    progress = Progress(revoked=revoked, positions={})
    _write(draft, progress)
    draft.rename(new.keys)
    return progress


def read(home: Home) -> Progress | None:
    """How far the re-keying of a home came; None: it is not re-keyed."""
    path = home.keys / FILE
    if not path.exists():
        return None
    try:
        said = json.loads(read_text(path))
        return Progress(**{**said, "revoked": tuple(said["revoked"])})
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path} is damaged: begin again in another home") from error


def copy(old: Settings, new: Settings, tell: Callable[[str], None]) -> Progress:
    """Copy what the old hub's ministries published and was not copied yet.

    Args:
        old: The first hub; it may be at work.
        new: The hub that is derived from it; it has to run.
        tell: One line a partition.

    Raises:
        InvalidError: A log does not reach back to its beginning.
        RetriableError: Brokers are away; the same call goes on.
    """
    progress = read(new.home)
    if progress is None:
        raise MachineError(f"{new.home.root} is not prepared: give --from")
    library = enacting.library(old)
    places = sources(enacting.in_force(old), Domain.NONE)
    reader = kafka.consumer(old, "audit")
    writer = kafka.producer(new, "control")
    try:
        extents = kafka.extents(reader, places)
        for topic, partition in places:
            extent, name = extents[topic, partition], f"{topic}/{partition}"
            if extent.start:
                raise InvalidError(
                    f"{name} begins at {extent.start}: retention took the beginnings "
                    "of its lanes, so it cannot be derived again"
                )
            messages = kafka.read(reader, topic, partition, 0, extent.end)
            begun = progress.positions.get(name, 0)
            for window in _windows(believed(library, topic, messages), begun):
                sends = [
                    Send(topic=topic, partition=partition, key=None, value=one.value)
                    for one, good in window
                    if good
                ]
                kafka.send_all(writer, sends)
                reached = window[-1][0].offset + 1
                progress = replace(
                    progress,
                    positions={**progress.positions, name: reached},
                    copied=progress.copied + len(sends),
                    passed=progress.passed + _batches(window) - len(sends),
                )
                _write(new.home.keys, progress)
            tell(f"{name}: up to offset {extent.end}")
    finally:
        writer.close()
        reader.close()
    return progress


def finish(home: Home) -> tuple[str, ...]:
    """Revoke again what was revoked; the keys. The caller puts it in force."""
    progress = read(home)
    if progress is None:
        return ()
    publickeys.revoke(home.root, progress.revoked)
    return progress.revoked


def close(home: Home) -> None:
    """Forget the re-keying, once its end is in force."""
    (home.keys / FILE).unlink(missing_ok=True)


def believed(
    library: Library, topic: str, messages: Iterator[Incoming]
) -> Iterator[tuple[Incoming, bool]]:
    """Each message; whether it is a batch that the bundle in force there believed."""
    bundle = library.get(NONE)
    for message in messages:
        good = False
        try:
            value = decode(message.value)
        except EnvelopeError:
            value = None
        if isinstance(value, Config) and _by_control(value, bundle):
            found = library.get(value.bundle)
            bundle = found if found.number > bundle.number else bundle
        elif isinstance(value, Envelope):
            good = _good(value, topic, bundle)
        yield message, good


def _by_control(record: Config, bundle: Bundle) -> bool:
    """Whether a control key that was active then signed a config record."""
    try:
        verify(record, bundle.registry.authority(record.key_id, "control"))
    except EnvelopeError:
        return False
    return True


def _good(envelope: Envelope, topic: str, bundle: Bundle) -> bool:
    """Whether its member's key, active then, signed an envelope for this topic."""
    short, dataflow = parse_ministry(topic)
    member = bundle.catalogue.members.get(short)
    try:
        header = layout.header_of(envelope)
        if member is None or (header.member, header.dataflow) != (
            member.member,
            dataflow,
        ):
            return False
        seal.verify(envelope, bundle.registry.signer(header.signer, header.member))
    except EnvelopeError:
        return False
    return True


_Window = list[tuple[Incoming, bool]]


def _windows(found: Iterator[tuple[Incoming, bool]], begun: int) -> Iterator[_Window]:
    """Pieces of a log from `begun` on; what is before said which bundle is in force."""
    window: _Window = []
    size = 0
    for message, good in found:
        if message.offset < begun:
            continue
        window.append((message, good))
        size += len(message.value)
        if len(window) >= WINDOW or size >= WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


def _batches(window: _Window) -> int:
    """Envelopes among the messages, believed or not."""
    number = 0
    for message, good in window:
        try:
            number += good or isinstance(decode(message.value), Envelope)
        except EnvelopeError:
            number += 1
    return number


def _take(folder: Path, target: Path, entropy: Entropy) -> None:
    """One principal's folder: other pseudonyms, no internal keys, all else the same."""
    target.mkdir(mode=0o700, parents=True)
    for path in folder.iterdir():
        if path.is_file() and path.name not in _LEFT and not path.name.startswith("."):
            write_file(target / path.name, path.read_bytes(), 0o600)
    secrets = read_secrets(folder)
    secrets.pop("internal", None)
    secrets.pop("staged", None)
    for name in secrets.get("pseudonym", {}):
        fresh = entropy(SECRET_SIZE)
        secrets["pseudonym"][name] = base64.b64encode(fresh).decode()
    write_secrets(target, secrets)


def _write(keys: Path, progress: Progress) -> None:
    text = json.dumps(asdict(progress), indent=1, sort_keys=True) + "\n"
    write_file(keys / FILE, text.encode(), 0o600)
