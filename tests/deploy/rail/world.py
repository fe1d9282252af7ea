"""A ministry, a dataflow and a table that no line of the code knows: files alone."""

from __future__ import annotations

import shutil
from pathlib import Path

HERE = Path(__file__).parent
CATALOGUE = HERE.parents[2] / "catalogue"
AGREEMENT = HERE / "mot.toml"
MAPPING = HERE / "mapping.toml"
SEXES = ("м", "ж", "ж", "?")


def copied(folder: Path, *, member: bool) -> Path:
    """A copy of the catalogue with the dataflow, and maybe the rest.

    Args:
        folder: Where to.
        member: Whether the ministry's agreement is there already, and with it the
            table that has it for a custodian.
    """
    shutil.copytree(CATALOGUE, folder)
    shutil.copytree(HERE / "catalogue", folder, dirs_exist_ok=True)
    if member:
        shutil.copyfile(AGREEMENT, folder / "providers" / AGREEMENT.name)
    else:
        (folder / "tables" / "RAIL_EVT.toml").unlink()
    return folder


def journeys(path: Path, rows: int) -> Path:
    """The ministry's own file: its words, its date format, a column that is ours not.

    Of four rows one is a man's, two are women's, one says nothing of the sex; entries
    and exits take turns.
    """
    lines = ["поезд;место;вагон;дата;пол;направление"]
    for at in range(rows):
        way = "въезд" if at // len(SEXES) % 2 else "выезд"
        sex = SEXES[at % len(SEXES)]
        day = f"{at % 28 + 1:02d}.{at % 12 + 1:02d}.2025"
        lines.append(f"T{at // 500};{at % 500};7;{day};{sex};{way}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
