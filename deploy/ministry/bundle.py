"""Makes a folder from which a ministry installs without a network: ``make bundle``.

What the publisher needs, and nothing else, as wheels: found from the requirements of
the installed packages, taken from the lock with its hashes, so what is installed there
is what was tested here.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
EXTRA = "publisher"
SHIPPED = ("plan.toml", "kerwen-watch@.service", "windows.md", "kerwen-watch.ps1")

INSTALL = """\
Install on a machine without a network (Python {python}, {platform}):

  python3 -m venv /opt/kerwen
  /opt/kerwen/bin/pip install --no-index --find-links wheels \\
    --require-hashes -r requirements.txt
  /opt/kerwen/bin/pip install --no-index --no-deps {wheel}
  /opt/kerwen/bin/kerwen --help

Check first that nothing was changed on the way:  sha256sum --check SHA256SUMS
On Windows: py -m venv C:\\kerwen, and Scripts\\pip for bin/pip; see windows.md.
"""

_SYSTEMS = {
    "win": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    "": {},
}


def needed(extra: str, environment: dict[str, str]) -> set[str]:
    """Names of everything `kerwen[extra]` needs.

    Args:
        extra: Of this project.
        environment: Of the target, where it is not this machine.
    """
    waiting = [("kerwen", frozenset({extra}))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        name, extras = one
        try:
            said = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # only for another system; the lock decides
        for text in said:
            wanted = Requirement(text)
            chosen = [environment | {"extra": each} for each in ("", *extras)]
            if wanted.marker is None or any(map(wanted.marker.evaluate, chosen)):
                waiting.append(
                    (canonicalize_name(wanted.name), frozenset(wanted.extras))
                )
    return {str(name) for name, _ in seen} - {"kerwen"}


def locked(names: set[str], lock: str) -> str:
    """The part of a lock that is about these names, hashes and all.

    Raises:
        KeyError: The lock does not have one of them.
    """
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        name = canonicalize_name(re.split(r"[=\[ ]", block, maxsplit=1)[0])
        if str(name) in names and "--hash=" in block:
            found[str(name)] = block.rstrip() + "\n"
    missing = names - found.keys()
    if missing:
        raise KeyError(", ".join(sorted(missing)))
    return "".join(found[name] for name in sorted(found))


def main() -> int:
    """Make the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--platform", default="", help="e.g. win_amd64; default: here")
    parser.add_argument("--python", default=f"3.{sys.version_info.minor}")
    args = parser.parse_args()
    system = "win" if args.platform.startswith("win") else ""
    names = needed(EXTRA, _SYSTEMS[system])
    try:
        text = locked(names, (ROOT / "requirements.lock").read_text("utf-8"))
    except KeyError as error:
        sys.stderr.write(f"not in requirements.lock: {error.args[0]}; add it there\n")
        return 1
    if args.folder.exists():
        sys.stderr.write(f"{args.folder} is there already; remove it\n")
        return 2
    wheels = args.folder / "wheels"
    wheels.mkdir(parents=True)
    (args.folder / "requirements.txt").write_text(text, "utf-8")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    target = (
        ["--platform", args.platform, "--python-version", args.python]
        if args.platform
        else []
    )
    listed = ["--require-hashes", "-r", str(args.folder / "requirements.txt")]
    fetch = ["download", "--no-deps", "--only-binary=:all:", *target, *listed]
    subprocess.run([*pip, *fetch, "-d", str(wheels)], check=True)
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(args.folder)]
    subprocess.run([*pip, *build, str(ROOT)], check=True)
    for name in SHIPPED:
        shutil.copy(Path(__file__).parent / name, args.folder / name)
    wheel = next(args.folder.glob("kerwen-*.whl")).name
    said = INSTALL.format(
        python=args.python, platform=args.platform or sys.platform, wheel=wheel
    )
    (args.folder / "INSTALL.txt").write_text(said, "utf-8")
    _sums(args.folder)
    sys.stdout.write(f"{args.folder}: {len(names) + 1} wheels; see INSTALL.txt\n")
    return 0


def _sums(folder: Path) -> None:
    """A digest of every file of the bundle."""
    lines = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
