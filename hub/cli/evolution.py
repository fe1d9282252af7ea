"""``kerwen catalogue check --against OLD``: may this catalogue follow that one.

Rules (docs/catalogue.md, "Changing"):

- OLD is a catalogue folder, a checkout, a bundle, or a folder with ``catalogue`` and
  ``schemas/avro`` in it.
- What may not follow while the hub runs is said with every reason, not the first alone.
"""

from __future__ import annotations

from pathlib import Path

from hub.cli.output import Output
from hub.core.catalogue import evolution, live
from hub.core.catalogue.load import load
from hub.core.errors import InvalidError
from hub.edge import files

ROOMS = ("provider", "public", "internal")
Schemas = dict[str, dict[str, str]]


def against(folder: Path | None, old: Path, out: Output) -> int:
    """Compare; 1 where the new one may not follow."""
    before, old_schemas = _sources(old)
    after, new_schemas = files.read_sources(folder)
    rooms: Schemas = {room: files.read_schemas(room=room) for room in ROOMS[1:]}
    rooms["provider"] = new_schemas
    found = [
        text
        for room, texts in old_schemas.items()
        for text in evolution.breaks(texts, rooms[room])
    ]
    change = live.compare(
        load(before, old_schemas["provider"]), load(after, new_schemas)
    )
    found += change.breaks
    for text in found:
        out.say(f"breaks: {text}")
    for text in change.notes:
        out.say(text)
    for name in change.young:
        out.say(f"young: {name} counts nothing of the past until it is counted anew")
    verdict = f"{len(found)} breaches: it may not follow" if found else "it may follow"
    out.result(
        {
            "against": str(old),
            "breaks": found,
            "notes": list(change.notes),
            "young": list(change.young),
        },
        f"against {old}: {verdict}",
    )
    return 1 if found else 0


def _sources(old: Path) -> tuple[dict[str, bytes], Schemas]:
    """The files of the old catalogue and its own schemas, by room."""
    place = old / "catalogue" if (old / "catalogue").is_dir() else old
    found: Schemas = {}
    for room in ROOMS:
        texts = {
            name: text
            for folder in (old / "schemas" / "avro", place / "schemas")
            for name, text in files.read_schemas(folder, room).items()
        }
        if texts:
            found[room] = texts
    if "provider" not in found:
        if place != old or (old / "schemas").exists():
            raise InvalidError(
                f"{old}: no schemas beside its catalogue; name a checkout"
            )
        # A bare catalogue folder, such as KERWEN_CATALOGUE, lives on the package's.
        found["provider"] = files.read_schemas()
    return files.read_files(place), found
