"""The gateway at 200 connections, beside a static file server with the same bytes.

    PYTHONPATH=. python benchmarks/gateway/load.py --observations 1000000

Needs `wrk` and `nginx` (Debian: wrk, nginx-light). The store is filled with signed
releases of every open table until it holds so many observations; then the gateway of
the product serves it in a process of its own. Each query is asked of both servers in
turn, on the same machine and in the same run; what differs is the gateway's own work.
Prints one JSON object: requests a second, p50 and p99 in milliseconds, bytes, and the
gateway's memory.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from hub.embedded.ports import free
from tests.core.sdmx.releases import Log, catalogue, close, release
from tests.gateway.house import house, served

SECONDS = 10
CONNECTIONS = 200
QUERIES = {
    "women in one year, SDMX-JSON": "/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0/*"
    "?c[SEX]=F&c[TIME_PERIOD]=ge:{year}",
    "a table, SDMX-CSV": "/sdmx/2.1/data/PRM_NEW/all?format=csv&startPeriod={year}",
    "a table, SDMX-ML": "/sdmx/2.1/data/PRM_NEW/all?startPeriod={year}",
    "page of a table": "/tables/PRM_NEW",
}
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t;
  fastcgi_temp_path {folder}/t; uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def fill(folder: Path, wanted: int) -> tuple[int, int]:
    """A store with so many observations; how many, and the last year."""
    one = house(folder)
    tables = [table.id for table in one.gateway.tables() if table.policy != "T"]
    found = number = year = 0
    while found < wanted:
        log = Log()
        year = 1990 + number // 2
        mark = close(number % 90, str(year), "PR"[number % 2])
        release(log, tables, mark, codes=60)
        one.read.clear()
        one.take(log)
        number += 1
        found += sum(
            len(values) for name, values in log.topics.items() if "vintages" not in name
        )
    one.store.close()
    return found, year


def serve(folder: Path) -> None:
    """Serve a filled store until killed."""
    with served(house(folder)) as url:
        print(url, flush=True)
        time.sleep(1e6)


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, int]]:
    """The gateway in a process of its own: address, process id."""
    command = [sys.executable, __file__, "--serve", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield (child.stdout.readline().strip() if child.stdout else ""), child.pid
    finally:
        child.kill()
        child.wait()


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """A file server of a folder."""
    port = free(1)[0]
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port))
    child = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)])
    time.sleep(1)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def load(url: str, accept: str = "") -> dict[str, float]:
    """What wrk says."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"]
    command += ["-H", f"Accept: {accept}"] if accept else []
    said = subprocess.run(
        [*command, url], capture_output=True, text=True, check=True
    ).stdout
    found = {
        name: float(number) * _UNITS[unit]
        for name, number, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s|m)", said)
    }
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return {
        "requests_per_second": float(rate[1]) if rate else 0.0,
        "p50_ms": found.get("50", 0.0),
        "p99_ms": found.get("99", 0.0),
        "errors": int(errors[1]) if errors else 0,
    }


def memory_mb(pid: int) -> int:
    """Peak resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) >> 10 if found else 0


def main() -> int:
    """Fill, serve, load, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--observations", type=int, default=1_000_000)
    parser.add_argument("--serve", type=Path)
    args = parser.parse_args()
    if args.serve is not None:
        serve(args.serve)
        return 0
    done: dict[str, Any] = {"tables": len(catalogue().tables)}
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as plain:
        began = time.monotonic()
        done["observations"], year = fill(Path(root), args.observations)
        done["fill_seconds"] = round(time.monotonic() - began, 1)
        Path(plain).chmod(0o755)
        with gateway(Path(root)) as (url, pid), static(Path(plain)) as limit:
            done["memory_mb_idle"] = memory_mb(pid)
            for name, asked in QUERIES.items():
                path = asked.format(year=year)
                body = urllib3.request("GET", url + path).data
                (Path(plain) / "answer").write_bytes(body)
                ours, theirs = load(url + path), load(f"{limit}/answer")
                ratio = theirs["requests_per_second"] / ours["requests_per_second"]
                done[name] = {
                    "bytes": len(body),
                    "gateway": ours,
                    "static": theirs,
                    "times_slower": round(ratio, 1),
                }
                print(name, done[name], file=sys.stderr)
            done["memory_mb"] = memory_mb(pid)
    print(json.dumps(done, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
