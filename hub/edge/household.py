"""What a process shows of the machine it runs on: room, certificates, keys, checks.

Rules (operators; envelope, metrics):

- Only facts of files: ends of certificates, beginnings of public keys, free room. No
  key is read, and a file that cannot be read is itself a figure (0).
- Looked up at most every :data:`LOOK_SECONDS`, whoever scrapes.
- An agent shows its own certificate; who shows a whole home shows all of them, and the
  registry.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.core.errors import HubError
from hub.core.keys import HUB, KeyRegistry
from hub.edge import checks, declared, keyring
from hub.edge.metrics import PREFIX
from hub.edge.settings import Home

LOOK_SECONDS = 30.0
SKEW_SECONDS_MAX = 2.0
"""A machine whose clock is further behind its brokers is not ready."""
FREE_BYTES_MIN = 256 << 20
"""Nor is one with less room: the next compaction or checkpoint may not fit."""

FILES_MAX = 200
PEM_BYTES_MAX = 1 << 16

Sample = tuple[str, dict[str, str], float]


class Household(Collector):
    """Disk, certificates, keys and checks of a home, as Prometheus reads them."""

    def __init__(
        self,
        home: Home,
        stage: str,
        *,
        own: str = "",
        names: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look into `home`.

        Args:
            home: Where the files are.
            stage: Value of the label.
            own: The principal whose certificate alone is shown; empty: everything.
            names: Members' ids in the registry -> their short ids.
            clock: Monotonic seconds.
        """
        self._home = home
        self._stage = stage
        self._own = own
        self._names = {HUB: HUB, **(names or {})}
        self._clock = clock
        self._looked = -LOOK_SECONDS
        self._found: list[Sample] = []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a name."""
        if self._clock() - self._looked >= LOOK_SECONDS:
            self._looked = self._clock()
            self._found = list(self._look())
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self._found:
            family = families.get(name)
            if family is None:
                family = families[name] = GaugeMetricFamily(
                    PREFIX + name,
                    declared.metric(name, self._stage).text,
                    labels=("stage", *labels),
                )
            family.add_metric([self._stage, *labels.values()], value)
        return iter(families.values())

    def _look(self) -> Iterator[Sample]:
        folder = self._home.root
        # In a container the state is a volume of its own, and what grows.
        state = self._home.state
        if folder.exists():
            usage = shutil.disk_usage(state if state.exists() else folder)
            yield "disk_free_bytes", {}, usage.free
            yield "disk_bytes", {}, usage.total
        if self._own:
            ends = end_of(self._home.pki / f"{self._own}.pem")
            yield "certificate_end_seconds", {}, ends
            return
        for path in sorted(self._home.pki.glob("*.pem"))[:FILES_MAX]:
            yield "certificate_end_seconds", {"ministry": path.stem}, end_of(path)
        try:
            registry = keyring.registry(folder)
        except HubError:
            pass  # a ministry's machine may have none yet; doctor looks at it
        else:
            yield from _keys(registry, self._names)
        for one in checks.read(self._home):
            yield "check_last_seconds", {"outcome": one.name}, one.at_ms / 1000
            yield "check_failed", {"outcome": one.name}, one.failed


def end_of(path: Path) -> float:
    """When the certificate in a file ends, in seconds since 1970; 0: unreadable."""
    try:
        content = path.read_bytes()[:PEM_BYTES_MAX]
        return x509.load_pem_x509_certificate(content).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return 0.0


def _keys(registry: KeyRegistry, names: Mapping[str, str]) -> Iterator[Sample]:
    begun: dict[tuple[str, str], int] = {}
    revoked: dict[str, int] = {}
    for key in registry.keys.values():
        member = names.get(key.member)
        if member is None:
            continue
        revoked[member] = revoked.get(member, 0) + (key.status == "revoked")
        if key.status == "active":
            place = member, str(key.use)
            begun[place] = max(begun.get(place, 0), key.not_before_ms)
    for (member, use), since_ms in sorted(begun.items()):
        yield "key_begin_seconds", {"ministry": member, "outcome": use}, since_ms / 1000
    for member, number in sorted(revoked.items()):
        yield "keys_revoked", {"ministry": member}, number
