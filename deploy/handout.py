"""Makes what each process of a deployment is given: its keys and its certificates.

``KERWEN_HOME=… python deploy/handout.py OUT --gateway NAME``, where the custodians are.

Rules (docs/production.md, "From an empty machine"):

- The home is made if there is none. Its folders stay with the custodians: it is the one
  place that has everything. What goes to the hosts is below OUT, one folder a process:
  ``keys/`` and ``pki/`` as docker-compose.yml mounts them, and as secrets of Kubernetes
  are made of them.
- A process gets its own keys and no other; a broker's certificate names its host.
- What is in OUT is replaced; a second run changes what was renewed in the home.
- Files belong to the account of the process and are its alone (0600). Where this is not
  run as root, they stay the caller's, and it says so.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hub.core.access import STAGES
from hub.core.errors import HubError
from hub.edge.files import read_catalogue
from hub.edge.secretfiles import write_file
from hub.edge.settings import Home, Settings, from_environment
from hub.embedded import pki
from hub.embedded.supervisor import equip

BROKERS = ("kafka-1", "kafka-2", "kafka-3")
"""Hosts of the brokers, as clients call them."""
KERWEN, KAFKA, GRAFANA = 10001, 1000, 472
"""Accounts inside the images."""
OPERATING = {"topics": ("admin", "control"), "calendar": ("control",)}
"""Principals of the process that makes topics, and of the one that closes periods."""


def main(words: Sequence[str] | None = None) -> int:
    """Make OUT."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path, help="where the folders go")
    parser.add_argument(
        "--gateway", action="append", default=[], metavar="NAME", help="its host's name"
    )
    args = parser.parse_args(words)
    try:
        settings = from_environment()
        home(settings)
        hand_out(settings.home, args.out, args.gateway)
    except (HubError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    whose = (
        f"users {KERWEN} and {KAFKA}" if os.geteuid() == 0 else "you alone: chown it"
    )
    sys.stdout.write(f"{args.out}: keys and certificates; they belong to {whose}\n")
    return 0


def home(settings: Settings) -> None:
    """Make the home's keys and certificates, where they are missing."""
    settings.home.make()
    equip(settings.home, read_catalogue(settings.catalogue))


def hand_out(given: Home, out: Path, gateway: Sequence[str]) -> None:
    """Put what each process needs into a folder of its own below `out`."""
    for stage in (*STAGES, "control"):
        _replace(given.keys / stage, out / "keys" / stage, KERWEN)
    tokens = out / "keys" / "gateway"
    tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (given.keys / "gateway").is_dir():
        _replace(given.keys / "gateway", tokens, KERWEN)
    password = out / "keys" / "grafana-password"
    if not password.exists():  # the first one; Grafana keeps what it is changed to
        _write(password, secrets.token_urlsafe(18).encode(), GRAFANA)
    registry = (given.keys / "registry.json").read_bytes()
    _write(out / "keys" / "registry.json", registry, KERWEN)
    for name, content, user in _certificates(given, gateway):
        _write(out / "pki" / name, content, user)
    for folder in (out / "keys", out / "pki"):
        for path in (folder, *folder.iterdir()):
            if path.is_dir():
                path.chmod(0o700)
                _own(path, KAFKA if path.name in BROKERS else KERWEN)


def _certificates(
    given: Home, gateway: Sequence[str]
) -> Iterator[tuple[str, bytes, int]]:
    """Name, content and owner of every file below ``pki``."""
    authority = (given.pki / "ca.pem").read_bytes()
    holders = {**{stage: (stage,) for stage in STAGES}, **OPERATING}
    for folder, principals in holders.items():
        yield f"{folder}/ca.pem", authority, KERWEN
        for one in principals:
            yield f"{folder}/{one}.pem", (given.pki / f"{one}.pem").read_bytes(), KERWEN
    yield "gateway/ca.pem", authority, KERWEN
    yield "gateway/gateway.pem", pki.serving(given, "gateway", gateway), KERWEN
    for host in BROKERS:
        yield f"{host}/ca.pem", authority, KAFKA
        yield f"{host}/broker.pem", pki.serving(given, "broker", [host]), KAFKA


def _replace(source: Path, target: Path, user: int) -> None:
    for path in sorted(one for one in source.rglob("*") if one.is_file()):
        if path.name.startswith("."):
            continue  # a lock, or a draft that a crash left
        _write(target / path.relative_to(source), path.read_bytes(), user)


def _write(path: Path, content: bytes, user: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(path, content, 0o600)
    _own(path, user)


def _own(path: Path, user: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, user, user)


if __name__ == "__main__":
    sys.exit(main())
