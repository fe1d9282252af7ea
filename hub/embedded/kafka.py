"""Kafka in a box: one KRaft node on loopback, mutual TLS, deny by default.

Rules (design: embedded default):

- The same listeners, authorizer, limits and append times as production; one node.
- Nobody connects without a certificate, not even the controller; the common name of
  the certificate is the principal, and any other form of name is refused.
- A fast start counts more than throughput, a clean stop more than a fast one.
- The data stay in the home: a second start goes on where the first one ended.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from hub.core.errors import MachineError
from hub.edge.kafka import answers
from hub.edge.settings import Home
from hub.embedded import pki, ports
from hub.embedded.children import Child, tail
from hub.embedded.jars import Jars, jars, java

HEAP_MB = 1024
READY_SECONDS_MAX = 120
STOP_SECONDS_MAX = 30
FORMAT_SECONDS_MAX = 60

_HERE = Path(__file__).parent
_MAIN = "kafka.Kafka"
_LIGHT = "-XX:TieredStopAtLevel=1"
_STORAGE_TOOL = "kafka.tools.StorageTool"
_IN_USE = re.compile(r"Address already in use|Failed to bind")
_ERROR = re.compile(r"\b(ERROR|FATAL)\b|Exception")

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=CLIENT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENT://{host}:{broker}
listener.security.protocol.map=CLIENT:SSL,CONTROLLER:SSL
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
log.dirs={data}

authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:broker;User:admin
ssl.client.auth=required
ssl.protocol=TLSv1.3
ssl.enabled.protocols=TLSv1.3
ssl.keystore.type=PEM
ssl.keystore.location={pki}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={pki}/ca.pem
ssl.principal.mapping.rules=RULE:^CN=([a-z0-9-]+)$/$1/

auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime
message.max.bytes=10485760
replica.fetch.max.bytes=10485760
group.min.session.timeout.ms=6000
group.initial.rebalance.delay.ms=0

default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

num.network.threads=2
num.io.threads=4
background.threads=2
log.index.size.max.bytes=1048576
"""


class Kafka:
    """The broker of one home.

    With `quick` Java compiles lightly: ready after half the processor time (3.7 s
    instead of 7.2), but a megabyte over TLS costs three times as much. For tests.

    Attributes:
        port: Where clients connect.
        metrics_port: Where Prometheus scrapes the broker.
    """

    def __init__(
        self,
        home: Home,
        *,
        port: int = 0,
        metrics_port: int = 0,
        heap_mb: int = HEAP_MB,
        quick: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.port = ports.claim(port, "the broker")
        self.metrics_port = ports.claim(metrics_port, "the broker's metrics")
        self._controller_port = ports.claim(0, "the controller")
        self._heap_mb = heap_mb
        self._quick = quick
        self._more = more or {}
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{ports.HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The broker's own log."""
        return self.home.logs / "kafka.log"

    @property
    def child(self) -> Child:
        """The broker's process."""
        if self._child is None:
            raise MachineError("the broker was not started")
        return self._child

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._child.pid if self._child and self._child.code is None else None

    def start(
        self, *, wait: bool = True, stopped: threading.Event | None = None
    ) -> None:
        """Start the broker; by default return when it answers.

        Args:
            wait: False: return at once.
            stopped: Gives up waiting when it is set.

        Raises:
            MachineError: Java, a jar or a port is missing, or the broker gave up.
        """
        self.home.make()
        pki.issue(self.home, ("broker", "admin"))
        found = jars()
        self._write_properties()
        if not (self._data / "meta.properties").exists():
            self._format(found)
        self._child = Child(
            "kafka",
            self._command(found),
            log=self.home.logs / "kafka.out",
            environment=_environment(),
        )
        if wait:
            self._wait(stopped or threading.Event())

    def _wait(self, stopped: threading.Event) -> None:
        """Return when the broker answers over TLS."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.child.code is not None:
                raise self._failure(f"ended with code {self.child.code}")
            if self.answers():
                return
            if stopped.wait(0.05):
                self.stop()
                raise MachineError("the start was stopped")
        self.stop()
        raise self._failure(f"does not answer after {READY_SECONDS_MAX} s")

    def answers(self, seconds: float = 2.0) -> bool:
        """Whether the broker accepts a client: it listens long before it does."""
        return answers(self.home, "admin", self.bootstrap, seconds)

    def stop(self, seconds: float = STOP_SECONDS_MAX) -> None:
        """Stop the broker cleanly, or at the deadline by force."""
        if self._child is not None:
            self._child.stop(seconds)

    @property
    def _data(self) -> Path:
        return self.home.kafka / "data"

    @property
    def _properties(self) -> Path:
        return self.home.kafka / "server.properties"

    def _write_properties(self) -> None:
        content = _PROPERTIES.format(
            host=ports.HOST,
            broker=self.port,
            controller=self._controller_port,
            data=_escaped(self._data),
            pki=_escaped(self.home.pki),
        )
        content += "".join(f"{name}={value}\n" for name, value in self._more.items())
        self._properties.write_text(content, "ascii")

    def _java(self, found: Jars, heap_mb: int, *options: str) -> list[str | Path]:
        return [
            java(),
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",  # two cores: one collector thread starts fastest
            "-XX:+ExitOnOutOfMemoryError",
            # Kafka unmaps files in ways Java has begun to warn about.
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            f"-Dlog4j2.configurationFile={(_HERE / 'log4j2.properties').as_uri()}",
            f"-Dkerwen.log={self.log}",
            *options,
            "-cp",
            os.pathsep.join(map(str, found.classpath)),
        ]

    def _command(self, found: Jars) -> list[str | Path]:
        address = f"{ports.HOST}:{self.metrics_port}"
        exporter = f"-javaagent:{found.agent}={address}:{_HERE / 'jmx.yml'}"
        light = (_LIGHT,) if self._quick else ()
        options = self._java(found, self._heap_mb, exporter, *light)
        return [*options, _MAIN, self._properties]

    def _format(self, found: Jars) -> None:
        command = [
            *self._java(found, 256, _LIGHT),
            _STORAGE_TOOL,
            "format",
            "--cluster-id",
            cluster_id(),
            "--config",
            self._properties,
        ]
        try:
            done = subprocess.run(
                list(map(str, command)),
                capture_output=True,
                text=True,
                check=False,
                timeout=FORMAT_SECONDS_MAX,
                env=_environment(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MachineError(f"Kafka's storage cannot be made: {error}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise MachineError(f"Kafka's storage cannot be made: {' '.join(said)}")

    def _failure(self, what: str) -> MachineError:
        lines = [*self.child.tail(), *tail(self.log)]
        if any(map(_IN_USE.search, lines)):
            return MachineError(
                f"Kafka could not listen on {self.bootstrap}: the port is in use"
            )
        said = next((line for line in reversed(lines) if _ERROR.search(line)), "")
        return MachineError(f"Kafka {what}: {said.strip()} (all of it in {self.log})")


def _environment() -> dict[str, str]:
    """Only what Java needs; a locale in which any folder can be named."""
    kept = {name: os.environ[name] for name in ("HOME", "TZ") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8"}


def _escaped(path: Path) -> str:
    """A path as Java's properties files want it: ASCII, with escapes."""
    units = str(path).replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


def cluster_id() -> str:
    """A random cluster id; never one that a tool would take for an option."""
    while True:
        made = base64.urlsafe_b64encode(os.urandom(16)).decode("ascii").rstrip("=")
        if not made.startswith("-"):
            return made
