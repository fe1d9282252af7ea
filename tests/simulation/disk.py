"""States and checkpoints in memory; stands in for files below `agents.custody`.

Rules:

- A disk gives a state to one holder at a time, like RocksDB's lock file.
- Workers of one machine share its disk; checkpoints are off all workers.
- A state knows a mark of its content, so that a step can be recognised: the same step
  from the same content on the same messages gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.core.errors import FencedError
from hub.core.state import Memory

KEPT = 2
"""Checkpoints of a partition, as in :mod:`hub.edge.checkpoints`."""

OWN = b"@"
"""Entries of the runtime; no step reads them."""

_MASK = (1 << 64) - 1


class Entries:
    """The entries of a state and the sum of their hashes.

    `met`: whether its owner could know that its log is another one.
    """

    __slots__ = ("mark", "met", "values")

    def __init__(self, values: dict[bytes, bytes] | None = None, mark: int = 0) -> None:
        self.values: dict[bytes, bytes] = values or {}
        self.mark = mark
        self.met = False

    def write(self, pending: Mapping[bytes, bytes | None]) -> None:
        """One atomic batch; None deletes."""
        values, mark = self.values, self.mark
        for key, value in pending.items():
            old = values.get(key)
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
            if not key.startswith(OWN):
                if old is not None:
                    mark -= hash((key, old))
                if value is not None:
                    mark += hash((key, value))
        self.mark = mark & _MASK

    def copy(self) -> Entries:
        """The same entries elsewhere."""
        return Entries(dict(self.values), self.mark)


class Marked(Memory):
    """A state whose content has a mark."""

    def __init__(self, entries: Entries) -> None:
        super().__init__()
        self.kept = entries
        self.entries = entries.values

    def apply(self, pending: dict[bytes, bytes | None]) -> None:
        """See :class:`Memory`."""
        self.kept.write(pending)
        self._order = []


class SimState(Marked):
    """A state with a fence, as :class:`hub.edge.state.State` has it."""

    fenced = True
    """Switched off by the test that shows what the fence is for."""

    def __init__(self, disk: Disk, name: str, holder: str) -> None:
        super().__init__(disk.states.setdefault(name, Entries()))
        self.name = name
        self.holder = holder
        self.dead = False
        self._disk = disk

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See :class:`hub.core.state.Reader`."""
        self.check()
        return super().get_many(keys)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See :class:`hub.core.state.Reader`."""
        self.check()
        return super().scan(prefix)

    def write(self, pending: Mapping[bytes, bytes | None], sync: bool = False) -> None:
        """One atomic batch."""
        del sync
        self.check()
        self.apply(dict(pending))

    def kill(self) -> None:
        """Raise the fence."""
        self.dead = True

    def close(self) -> None:
        """Give up the folder."""
        self.dead = True
        if self._disk.holders.get(self.name) is self:
            del self._disk.holders[self.name]

    def check(self) -> None:
        """Raise if it was taken away."""
        if self.dead and self.fenced:
            raise FencedError("taken away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A checkpoint."""

    offset: int
    log: str
    entries: Entries
    intact: bool = True


@dataclass(slots=True)
class Shelf:
    """The checkpoints of one partition, newest first."""

    copies: list[Copy] = field(default_factory=list)

    def add(self, copy: Copy, floor: int = 0) -> None:
        """Keep one more; the oldest go, and those from which nobody could go on."""
        others = [one for one in self.copies if one.offset != copy.offset]
        self.copies = sorted([copy, *others], key=lambda one: -one.offset)
        self.prune(floor)

    def prune(self, floor: int) -> None:
        """Those go that are too many or too old; the newest stays."""
        self.copies = [
            one
            for place, one in enumerate(self.copies[:KEPT])
            if not place or one.offset + 1 >= floor
        ]

    def rot(self) -> bool:
        """The newest one is damaged; false if there is none to fall back to."""
        sound = [place for place, one in enumerate(self.copies) if one.intact]
        if len(sound) < KEPT:
            return False
        self.copies[sound[0]] = replace(self.copies[sound[0]], intact=False)
        return True


class Disk:
    """State folders of one machine."""

    def __init__(self) -> None:
        self.states: dict[str, Entries] = {}
        self.holders: dict[str, SimState] = {}


class Requests:
    """Folder of what a person asks of a worker; stands in for a path in it, too."""

    def __init__(self, asked: set[str] | None = None, name: str = "") -> None:
        self.asked: set[str] = set() if asked is None else asked
        self._name = name

    def __truediv__(self, name: str) -> Requests:
        """As a path has it."""
        return Requests(self.asked, name)

    def exists(self) -> bool:
        """As a path has it."""
        return self._name in self.asked

    def unlink(self) -> None:
        """As a path has it."""
        self.asked.discard(self._name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a worker finds where it runs.

    Attributes:
        shelves: Checkpoints of its stage, off all machines.
        requests: What a person asks of the workers of its stage.
    """

    disk: Disk
    shelves: dict[str, Shelf]
    requests: Requests


@dataclass(frozen=True, slots=True)
class Place:
    """Path of one state, or of one shelf."""

    disk: Disk
    shelves: dict[str, Shelf]
    holder: str
    name: str = ""

    def __truediv__(self, name: str) -> Place:
        """As a path has it."""
        return replace(self, name=name)

    def exists(self) -> bool:
        """As a path has it."""
        return self.name in self.disk.states

    @property
    def shelf(self) -> Shelf:
        """The shelf of this name."""
        return self.shelves.setdefault(self.name, Shelf())


def open_state(place: Place, _budget: object) -> SimState | None:
    """The state at a place, None while another holder has it."""
    disk = place.disk
    if place.name in disk.holders:
        return None
    state = disk.holders[place.name] = SimState(disk, place.name, place.holder)
    return state


class Budget:
    """Memory costs nothing here."""

    @staticmethod
    def of(**_: int) -> None:
        """Nothing."""


class Checkpoints:
    """Stands in for the module :mod:`hub.edge.checkpoints`."""

    @staticmethod
    def take(
        state: SimState, place: Place, *, offset: int, log: str, floor: int = 0
    ) -> None:
        """Copy a state to its shelf; there is always room here."""
        state.check()
        copy = Copy(offset=offset, log=log, entries=state.kept.copy())
        place.shelf.add(copy, floor)

    @staticmethod
    def prune(place: Place, floor: int) -> None:
        """Drop what became too old while nothing came."""
        place.shelf.prune(floor)

    @staticmethod
    def claimed(place: Place) -> list[int]:
        """Offsets of all of them, intact or not, newest first."""
        return [one.offset for one in place.shelf.copies]

    @staticmethod
    def kept(place: Place) -> list[Copy]:
        """The intact ones, newest first."""
        return [one for one in place.shelf.copies if one.intact]

    @staticmethod
    def supersede(found: Copy, place: Place) -> None:
        """Put one in the place of an older state."""
        del place.disk.states[place.name]
        Checkpoints.restore(found, place)

    @staticmethod
    def restore(found: Copy, place: Place) -> None:
        """Put one where there is no state."""
        assert not place.exists()
        place.disk.states[place.name] = found.entries.copy()
