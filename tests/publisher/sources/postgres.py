"""A real PostgreSQL in a folder of its own: made, started, stopped by the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "ministry", "s3cr3t-word"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; it listens on a socket in its folder only."""

    folder: Path

    def url(self, password: str = PASSWORD, name: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql+psycopg://{USER}:{password}@/{name}?host={self.folder}"


@contextmanager
def running() -> Iterator[Postgres]:
    """A server with an empty cluster; PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="kerwen-pg-", dir="/tmp"))
    account = {"user": "nobody"} if os.getuid() == 0 else {}
    if account:
        shutil.chown(folder, "nobody")
    data, words = folder / "data", folder / "words"
    words.write_text(PASSWORD)
    words.chmod(0o644)

    def run(program: str, *words: str, check: bool = True) -> None:
        subprocess.run(
            [_find(program), "-D", str(data), *words],
            check=check,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            timeout=120,
            **account,  # type: ignore[call-overload] # one key, of its kind
        )

    try:
        asked = ("--auth=scram-sha-256", f"--pwfile={words}", "--no-sync")
        run("initdb", f"--username={USER}", *asked, "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Postgres(folder)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop", check=False)  # may be dead
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find(program: str) -> str:
    """A program of PostgreSQL; Debian keeps them beside the path."""
    places = sorted(Path("/").glob("usr/lib/postgresql/*/bin"), reverse=True)
    path = os.pathsep.join([*map(str, places), os.environ.get("PATH", "")])
    found = shutil.which(program, path=path)
    assert found is not None, f"{program} is not here: apt-get install postgresql"
    return found
