"""What a deployment is made of: bill of materials, licences, wheel, vulnerabilities.

Rules (docs/production.md, "What it is made of"):

- The bill follows from ``requirements.lock`` alone, with its hashes, and is the same
  bytes on every machine.
- A licence that is not in ``licences.toml`` fails, and so does a package without one.
- Two builds of one commit give the same wheel, byte for byte.
- The search for vulnerabilities first looks for one that is known: a source that does
  not answer is told from one that has nothing to say.

    python deploy/supply/check.py sbom|licences|wheel|vulnerabilities [--output FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
BINARIES = Path(sys.executable).parent
KNOWN = "jinja2==2.11.2"
"""Has had known vulnerabilities for years."""

_SPLIT = re.compile(r"\s+(?:AND|OR)\s+|;\s*")


def main() -> int:
    """Do one of them; 0 good, 1 something was found, 3 it could not be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = {
        "sbom": sbom,
        "licences": licences,
        "wheel": wheel,
        "vulnerabilities": vulnerabilities,
    }
    parser.add_argument("action", choices=sorted(actions))
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    return actions[args.action](args.output)


def sbom(folder: Path) -> int:
    """CycloneDX of everything locked, validated against its schema."""
    target = folder / "kerwen.cdx.json"
    _run(
        *(str(BINARIES / "cyclonedx-py"), "requirements", str(LOCK)),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"),
        *("--of", "JSON", "--validate", "-o", str(target)),
    )
    parts = json.loads(target.read_text("utf-8"))["components"]
    _say(f"{target}: {len(parts)} components, sha256 {_digest(target)}")
    return 0


def licences(folder: Path) -> int:
    """The list of what is installed, and whether each licence is permitted."""
    said = _run(str(BINARIES / "pip-licenses"), "--format=json", "--with-system")
    rows: list[dict[str, Any]] = json.loads(said)
    rules = tomllib.loads((HERE / "licences.toml").read_text("utf-8"))
    target = folder / "licences.json"
    found, refused = [], []
    for row in sorted(rows, key=lambda one: str(one["Name"]).lower()):
        name, version, licence = row["Name"], row["Version"], str(row["License"])
        if name == "kerwen":
            continue
        listed = rules["packages"].get(name)
        parts = [part.strip() for part in _SPLIT.split(licence)]
        good = {*rules["permitted"], *rules["weak"]}
        if listed is None and not set(parts) <= good:
            refused.append(f"{name} {version}: {licence}")
        shown = listed["licence"] if listed else licence
        found.append({"name": name, "version": version, "licence": shown})
    target.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for line in refused:
        _say(f"not permitted: {line}; judge it in {HERE / 'licences.toml'}")
    _say(f"{target}: {len(found)} packages, {len(refused)} not permitted")
    return 1 if refused else 0


def wheel(folder: Path) -> int:
    """Build twice, in two folders, and compare."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or _run(
        "git", "-C", str(ROOT), "log", "-1", "--format=%ct"
    )
    made = []
    for _ in range(2):
        place = Path(tempfile.mkdtemp())
        _run(
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "-w", str(place), str(ROOT)),
            environment={"SOURCE_DATE_EPOCH": epoch.strip()},
        )
        made += place.glob("kerwen-*.whl")
    digests = {_digest(one) for one in made}
    target = folder / made[0].name
    shutil.copyfile(made[0], target)
    for one in made:
        shutil.rmtree(one.parent)
    if len(digests) != 1:
        _say(f"two builds differ: {', '.join(sorted(digests))}")
        return 1
    _say(f"{target}: two builds are equal, sha256 {digests.pop()}")
    return 0


def vulnerabilities(folder: Path) -> int:
    """Known vulnerabilities of what is locked, from a source that answers."""
    with tempfile.TemporaryDirectory() as temporary:
        probe = Path(temporary) / "known.txt"
        probe.write_text(KNOWN + "\n", "utf-8")
        known = _audit(probe, Path(temporary) / "known.json", "--no-deps")
    if not known:
        _say(
            f"no source answers: it does not know those of {KNOWN}. Nothing was "
            "checked; run it where the advisory database can be reached"
        )
        return 3
    found = _audit(LOCK, folder / "vulnerabilities.json", "--require-hashes")
    for line in found:
        _say(line)
    _say(f"{len(found)} known vulnerabilities in what is locked")
    return 1 if found else 0


def _audit(requirements: Path, target: Path, how: str) -> list[str]:
    """``package version: id`` of each; empty where none is known, or nobody answers."""
    command = [str(BINARIES / "pip-audit"), "-r", str(requirements), "--disable-pip"]
    done = subprocess.run(
        [*command, how, "-f", "json", "-o", str(target), "--progress-spinner", "off"],
        capture_output=True,
        text=True,
        check=False,
    )
    if not target.exists():
        sys.stderr.write(done.stderr[-500:])
        return []
    return [
        f"{one['name']} {one['version']}: {vulnerability['id']}"
        for one in json.loads(target.read_text("utf-8"))["dependencies"]
        for vulnerability in one.get("vulns", ())
    ]


def _run(*words: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-2_000:] + done.stderr[-2_000:])
        raise SystemExit(3)
    return done.stdout


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
