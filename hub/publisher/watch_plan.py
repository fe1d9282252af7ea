"""What a ministry's service watches, as a TOML file.

Rules:

- Paths are absolute, or relative to the file. Passwords are not in it: an address of a
  database lies in a file of its own that only the service's account may read.
- Every dataflow is one that the member provides; a mistake is told with its key.

Example::

    every = 5                            # seconds between two looks

    [[folder]]
    path = "/srv/kerwen/border"
    dataflow = "border_crossing"
    settle = 10                          # seconds a file must stay as it is

    [[sql]]
    dataflow = "residence_permit"
    mapping = "permits.toml"             # with [sql]
    url_file = "permits.url"
    every = 300

    [http]
    listen = "127.0.0.1:8474"
    accept = [{ dataflow = "civil_status" }]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.core.catalogue.model import Catalogue, Dataflow
from hub.core.errors import InvalidError, UsageError
from hub.edge.keyfiles import refuse_shared
from hub.publisher import mapping as mappings
from hub.publisher.mapping import Mapping
from hub.publisher.sources import sql

FILE_BYTES_MAX = 1 << 20
EVERY_SECONDS, SETTLE_SECONDS, POLL_SECONDS = 5.0, 5.0, 300.0
SECONDS_MAX = 86_400.0
LISTEN = "127.0.0.1:8474"
BODY_BYTES_MAX = 64 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_KEYS: Dictionary[str, frozenset[str]] = {
    "": frozenset({"member", "every", "folder", "sql", "http"}),
    "folder": frozenset({"path", "dataflow", "mapping", "settle", "marked", "keep"}),
    "sql": frozenset({"dataflow", "mapping", "url_file", "every"}),
    "http": frozenset({"listen", "certificate", "key", "megabytes", "accept"}),
    "accept": frozenset({"dataflow", "mapping"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """A folder into which files of one dataflow are put.

    Attributes:
        settle_seconds: How long a file must not change before it is read.
        marked: Read a file only once ``NAME.done`` stands beside it.
        keep: Whether files stay in ``done/``; else they are deleted once spooled.
    """

    path: Path
    flow: Dataflow
    mapping: Mapping | None = None
    settle_seconds: float = SETTLE_SECONDS
    marked: bool = False
    keep: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlPlan:
    """A query that is asked again and again."""

    flow: Dataflow
    mapping: Mapping
    url: str = field(repr=False)
    every_seconds: float = POLL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPlan:
    """Where pushes are taken.

    Attributes:
        accept: Mappings by dataflow; None: field names.
        certificate: TLS certificate chain, with `key`; None: plain, on loopback only.
    """

    host: str
    port: int
    accept: Dictionary[str, Mapping | None]
    certificate: Path | None = None
    key: Path | None = None
    body_bytes_max: int = BODY_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything one service watches for one member."""

    member: str
    every_seconds: float = EVERY_SECONDS
    folders: tuple[FolderPlan, ...] = ()
    queries: tuple[SqlPlan, ...] = ()
    http: HttpPlan | None = None


def read(path: Path, catalogue: Catalogue, member: str) -> Plan:
    """The plan in a file.

    Raises:
        InvalidError: It cannot be read, or something in it is wrong; with the key.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidError(f"{path}: too large for a plan")
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: cannot be read as text") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"{path}: not TOML: {error}") from error
    reader = Reader(path=path, catalogue=catalogue, member=member)
    return reader.plan(raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the parts of a plan, and says where one is wrong.

    Attributes:
        path: Of the file; what stands in it is relative to its folder.
    """

    path: Path
    catalogue: Catalogue
    member: str

    def plan(self, raw: Dictionary[str, Any]) -> Plan:
        """The whole."""
        self._known(raw, "")
        if raw.get("member", self.member) != self.member:
            raise self._error("member", f"is not {self.member}")
        return Plan(
            member=self.member,
            every_seconds=self._seconds(raw, "every", EVERY_SECONDS),
            folders=tuple(self.folder(one) for one in self._listed(raw, "folder")),
            queries=tuple(self.query(one) for one in self._listed(raw, "sql")),
            http=self.http(raw["http"]) if "http" in raw else None,
        )

    def folder(self, raw: Dictionary[str, Any]) -> FolderPlan:
        """One ``[[folder]]``."""
        self._known(raw, "folder")
        path = self._place(raw, "path")
        if not path.is_dir():
            raise self._error("path", f"{path} is no folder")
        flow = self.flow(raw)
        return FolderPlan(
            path=path,
            flow=flow,
            mapping=self.mapping(raw, flow),
            settle_seconds=self._seconds(raw, "settle", SETTLE_SECONDS),
            marked=bool(raw.get("marked", False)),
            keep=bool(raw.get("keep", True)),
        )

    def query(self, raw: Dictionary[str, Any]) -> SqlPlan:
        """One ``[[sql]]``."""
        self._known(raw, "sql")
        flow = self.flow(raw)
        mapping = self.mapping(raw, flow)
        if mapping is None:
            raise self._error("mapping", "is needed, with [sql]")
        sql.query_of(mapping)
        return SqlPlan(
            flow=flow,
            mapping=mapping,
            url=address(self._place(raw, "url_file")),
            every_seconds=self._seconds(raw, "every", POLL_SECONDS),
        )

    def http(self, raw: Dictionary[str, Any]) -> HttpPlan:
        """``[http]``."""
        self._known(raw, "http")
        host, port = listen(str(raw.get("listen", LISTEN)))
        tls = {
            name: self._place(raw, name)
            for name in ("certificate", "key")
            if name in raw
        }
        if len(tls) == 1 or (not tls and host not in LOOPBACK):
            raise self._error(
                "certificate", "and key are needed to listen beyond this machine"
            )
        accept = {}
        for one in self._listed(raw, "accept"):
            flow = self.flow(one)
            accept[flow.id] = self.mapping(one, flow)
        if not accept:
            accept = dict.fromkeys(self.catalogue.members[self.member].provides)
        return HttpPlan(
            host=host,
            port=port,
            accept=accept,
            body_bytes_max=int(raw.get("megabytes", BODY_BYTES_MAX >> 20)) << 20,
            **tls,
        )

    def flow(self, raw: Dictionary[str, Any]) -> Dataflow:
        """The dataflow that is named."""
        provides = self.catalogue.members[self.member].provides
        name = raw.get("dataflow")
        if name not in provides:
            raise self._error(
                "dataflow", f"{name!r}: {self.member} provides {', '.join(provides)}"
            )
        return self.catalogue.dataflows[str(name)]

    def mapping(self, raw: Dictionary[str, Any], flow: Dataflow) -> Mapping | None:
        """The mapping that is named, if one is."""
        if "mapping" not in raw:
            return None
        path = self._place(raw, "mapping")
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._error("mapping", f"{path} cannot be read as text") from error
        return mappings.load(text, str(path), flow)

    def _known(self, raw: Any, table: str) -> None:
        if not isinstance(raw, dict):
            raise self._error(table, "must be a table")
        for key in raw.keys() - _KEYS[table]:
            raise self._error(key, f"is not a key of {table or 'a plan'}")

    def _listed(
        self, raw: Dictionary[str, Any], key: str
    ) -> list[Dictionary[str, Any]]:
        found = raw.get(key, [])
        if not isinstance(found, list):
            raise self._error(key, f"must be a list: [[{key}]]")
        for one in found:
            self._known(one, key)
        return found

    def _place(self, raw: Dictionary[str, Any], key: str) -> Path:
        if not isinstance(raw.get(key), str):
            raise self._error(key, "must name a file or folder")
        return self.path.parent.absolute() / str(raw[key])

    def _seconds(self, raw: Dictionary[str, Any], key: str, default: float) -> float:
        value = raw.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(key, "must be seconds")
        if not 0 <= value <= SECONDS_MAX:
            raise self._error(key, "must be seconds, up to a day")
        return float(value)

    def _error(self, key: str, what: str) -> InvalidError:
        return InvalidError(f"{self.path}: {key} {what}")


def address(path: Path) -> str:
    """The address of a database out of a file that is this account's alone.

    Raises:
        InvalidError: It cannot be read.
        MachineError: Others may read it.
    """
    try:
        refuse_shared(path)
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: cannot be read as text") from error


def listen(said: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``.

    Raises:
        UsageError: It is none.
    """
    host, _, port = said.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"{said}: expected HOST:PORT, such as {LISTEN}")
    return host.strip("[]"), int(port)
