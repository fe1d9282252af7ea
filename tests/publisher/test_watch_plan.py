"""Plans of a ministry's service: read, or told what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.core.errors import InvalidError, MachineError
from hub.publisher import watch_plan

PLANS: dict[str, tuple[str, str]] = {
    "no TOML": ("every = ", "not TOML"),
    "an unknown key": ("evry = 1", "evry is not a key of a plan"),
    "another member": ('member = "moi"', "member is not sms"),
    "no folder": ('[[folder]]\npath = "nowhere"', "is no folder"),
    "no path": ('[[folder]]\ndataflow = "border_crossing"', "path must name"),
    "a dataflow of another": (
        '[[folder]]\npath = "."\ndataflow = "civil_status"',
        "sms provides border_crossing",
    ),
    "no list": ('[folder]\npath = "."', r"must be a list: \[\[folder\]\]"),
    "seconds in words": ('every = "often"', "every must be seconds"),
    "negative seconds": ("every = -1", "up to a day"),
    "sql without a mapping": (
        '[[sql]]\ndataflow = "border_crossing"\nurl_file = "url"',
        "mapping is needed",
    ),
    "an address for everybody": (
        '[[sql]]\ndataflow = "border_crossing"\nmapping = "m.toml"\nurl_file = "url"',
        "readable by others",
    ),
    "http beyond this machine": (
        '[http]\nlisten = "0.0.0.0:80"',
        "certificate and key",
    ),
    "half of TLS": ('[http]\ncertificate = "c.pem"', "certificate and key"),
    "http for another's": (
        '[http]\naccept = [{ dataflow = "civil_status" }]',
        "sms provides",
    ),
}
"""Plans that are wrong, and what is said."""


@pytest.mark.parametrize("name", PLANS)
def test_a_wrong_plan_is_told_by_its_key(
    catalogue: Any, tmp_path: Path, crossings: Any, name: str
) -> None:
    """One line, with the file."""
    text, words = PLANS[name]
    path = tmp_path / "plan.toml"
    path.write_text(text)
    mapping = "".join(f'[fields.{c}]\ncolumn = "{c}"\n' for c in crossings(1).columns)
    (tmp_path / "m.toml").write_text(mapping + '[sql]\ntable = "t"\n')
    (tmp_path / "url").write_text("sqlite:///x")
    (tmp_path / "url").chmod(0o644)

    with pytest.raises((InvalidError, MachineError), match=words):
        watch_plan.read(path, catalogue, "sms")


def test_a_plan_is_read_from_its_folder(catalogue: Any, tmp_path: Path) -> None:
    """Paths are relative to the file, and what is not said has its default."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "plan.toml"
    path.write_text(
        'every = 2\n[[folder]]\npath = "in"\ndataflow = "border_crossing"\n[http]\n'
    )

    plan = watch_plan.read(path, catalogue, "sms")

    assert plan.folders[0].path == tmp_path / "in"
    assert (plan.every_seconds, plan.folders[0].settle_seconds) == (2.0, 5.0)
    assert plan.http is not None
    assert (plan.http.host, plan.http.port) == ("127.0.0.1", 8474)
    assert set(plan.http.accept) == set(catalogue.members["sms"].provides)
