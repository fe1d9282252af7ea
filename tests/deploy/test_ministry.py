"""What a ministry installs: unit, plan and bundle agree with code and tools."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

from hub.edge.files import read_catalogue
from hub.publisher import watch_plan

ROOT = Path(__file__).parents[2]
MINISTRY = ROOT / "deploy" / "ministry"


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    """The script that makes the bundle."""
    spec = util.spec_from_file_location("bundle", MINISTRY / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    made = util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_unit_verifies(tmp_path: Path) -> None:
    """Systemd reads every line of it and complains of none."""
    text = (MINISTRY / "kerwen-watch@.service").read_text("utf-8")
    assert "/opt/kerwen/bin/kerwen watch --member %i" in text
    path = tmp_path / "kerwen-watch@sms.service"
    here = str(Path(sys.executable).parent)
    path.write_text(text.replace("/opt/kerwen/bin", here), "utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_example_of_a_plan_is_one(tmp_path: Path) -> None:
    """With its folders and files there, every line of it is read."""
    text = (MINISTRY / "plan.toml").read_text("utf-8")
    for name in ("border", "flights"):
        (tmp_path / name).mkdir()
    text = text.replace("/srv/kerwen", str(tmp_path))
    lists = (ROOT / "docs" / "examples" / "paxlst.toml").read_text("utf-8")
    (tmp_path / "paxlst.toml").write_text(lists, "utf-8")
    catalogue = read_catalogue()
    fields = (
        f'[fields.{one.name}]\ncolumn = "{one.name}"\n'
        for one in catalogue.dataflows["residence_permit"].fields
    )
    permits = "".join(fields) + '[sql]\ntable = "permits"\n'
    (tmp_path / "permits.toml").write_text(permits, "utf-8")
    (tmp_path / "permits.url").write_text("sqlite:///permits.db")
    (tmp_path / "permits.url").chmod(0o600)
    (tmp_path / "sms.toml").write_text(text, "utf-8")

    plan = watch_plan.read(tmp_path / "sms.toml", catalogue, "sms")

    assert [one.keep for one in plan.folders] == [True, False]
    assert plan.folders[1].mapping is not None
    assert [one.every_seconds for one in plan.queries] == [300.0]
    assert plan.http is not None
    assert list(plan.http.accept) == ["dtm_survey"]


def test_the_bundle_is_what_a_publisher_needs(bundle: ModuleType) -> None:
    """Every adapter's library, no stream processor, each with its hashes."""
    names = bundle.needed("publisher", {})
    lock = bundle.locked(names, (ROOT / "requirements.lock").read_text("utf-8"))

    wanted = {"openpyxl", "sqlalchemy", "psycopg", "starlette", "uvicorn", "polars"}
    assert wanted <= names
    assert not {"faust-streaming", "aiokafka", "rocksdict", "pytest"} & names
    assert len(re.findall(r"(?m)^[a-z0-9-]+==", lock)) == len(names)
    for block in re.split(r"\n(?=[a-z])", lock):
        assert "--hash=sha256:" in block, block.split("=")[0]
    with pytest.raises(KeyError, match="nothing-of-the-kind"):
        bundle.locked({"nothing-of-the-kind"}, lock)


def test_what_is_shipped_is_there(bundle: ModuleType) -> None:
    """Nothing that the bundle promises is missing."""
    assert [name for name in bundle.SHIPPED if not (MINISTRY / name).is_file()] == []
