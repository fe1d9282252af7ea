"""The diagnostics bundle: what helps to find a fault, and nothing else.

Rules (operators):

- Read are what processes say of themselves, the ends of their logs, findings, and which
  versions run. Never opened are keys, certificates' private parts, spools, states,
  Kafka's segments.
- Every word passes :mod:`hub.edge.redaction`: what is not a word of ours is left out.
  Values of samples are kept, labels are not taken on trust.
- Of a quiet log it has neither position nor lag: how many messages there are is secret.
- A zip of texts, so a person can read before she sends it.
"""

from __future__ import annotations

import http.client
import json
import platform
import re
import sys
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from hub.cli.findings import Finding
from hub.core import topics
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError, MachineError
from hub.edge import checks
from hub.edge.files import read_catalogue
from hub.edge.redaction import Redactor
from hub.edge.settings import Settings
from hub.embedded import daemon
from hub.embedded.children import tail

LOG_LINES = 200
PAGE_BYTES_MAX = 4 << 20
PAGE_SECONDS = 1.0
_LIBRARIES = ("aiokafka", "cryptography", "faust-streaming", "polars", "rocksdict")
_FIELDS = ("time", "level", "logger", "message", "stage", "exception", "at", "omitted")
_MEASURES = frozenset(
    {
        *("pid", "position", "end", "lag", "started", "started_ms", "updated_ms"),
        *("disk_free_bytes", "clock_behind_seconds"),
    }
)
"""Fields of the status that are numbers of ours."""
_COUNTED = {"position", "end", "lag", "gaps", "poison", "rebuild", "rebuilding", "cuts"}
"""Fields of a partition in which its messages are counted."""
_LABEL = re.compile(r'="((?:[^"\\]|\\.)*)"')


def write(path: Path, settings: Settings, found: Sequence[Finding]) -> list[str]:
    """Write the bundle; the names of what is in it.

    Raises:
        MachineError: It cannot be written.
    """
    catalogue: Catalogue | None = None
    with suppress(HubError):  # which is one of the findings
        catalogue = read_catalogue(settings.catalogue)
    redactor = Redactor(catalogue)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in _parts(settings, found, catalogue, redactor):
                archive.writestr(name, text)
            return archive.namelist()
    except OSError as error:
        raise MachineError(
            f"cannot write {path}: {error.strerror}; name another file"
        ) from error


def _parts(
    settings: Settings,
    found: Sequence[Finding],
    catalogue: Catalogue | None,
    redactor: Redactor,
) -> Iterator[tuple[str, str]]:
    yield "versions.json", _json(_versions(settings, catalogue))
    findings = [redactor.value(asdict(one)) for one in found]
    yield "findings.json", _json(findings)
    said = daemon.status(settings) or {}
    hushed = topics.quiet(catalogue) if catalogue else None
    yield "status.json", _json(redactor.value(_without(said, hushed), _MEASURES))
    yield "checks.json", _json([asdict(one) for one in checks.read(settings.home)])
    for process in (*said.get("workers", ()), *said.get("services", ())):
        name = redactor.text(str(process["name"]))
        yield f"metrics/{name}.txt", _metrics(str(process["address"]), redactor)
    for log in sorted(settings.home.logs.glob("*.log")):
        yield f"logs/{redactor.text(log.stem)}.jsonl", _log(log, redactor)


def _versions(settings: Settings, catalogue: Catalogue | None) -> dict[str, object]:
    found: dict[str, str | None] = {}
    for name in ("kerwen", *_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    # Names of settings and never values: an address or a path may tell on somebody.
    given = sorted(settings.environment())
    return {
        "packages": found,
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "settings_given": given,
        "catalogue": catalogue.digest.hex() if catalogue else None,
    }


def _without(said: Mapping[str, Any], hushed: Collection[str] | None) -> dict[str, Any]:
    """The status without what opens doors, names the machine or counts a quiet log.

    Without a catalogue nobody knows which logs are quiet, so all are.
    """
    left_out = {"token", "home", "log", "address", "bootstrap", "metrics"}

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            quiet = "topic" in value and (hushed is None or value["topic"] in hushed)
            less = left_out | (_COUNTED if quiet else set())
            return {key: clean(one) for key, one in value.items() if key not in less}
        return [clean(one) for one in value] if isinstance(value, list) else value

    return dict(clean(dict(said)))


def _metrics(address: str, redactor: Redactor) -> str:
    """A page of metrics; its labels pass the redactor, its numbers stay."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PAGE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read(PAGE_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return f"# no answer: {type(error).__name__}\n"
    finally:
        connection.close()
    return _LABEL.sub(lambda found: f'="{_label(found.group(1), redactor)}"', text)


def _label(value: str, redactor: Redactor) -> str:
    try:
        float(value)  # the bound of a bucket
    except ValueError:
        return redactor.text(value)
    return value


def _log(path: Path, redactor: Redactor) -> str:
    """The end of a log; lines that are no JSON of ours are only counted."""
    kept, foreign = [], 0
    for line in tail(path, LOG_LINES):
        try:
            said = json.loads(line)
            fields = {name: said[name] for name in _FIELDS if name in said}
        except (ValueError, TypeError):
            foreign += 1
            continue
        kept.append(json.dumps(redactor.value(fields), ensure_ascii=False))
    if foreign:
        kept.append(json.dumps({"lines_left_out": foreign}))
    return "\n".join(kept) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
