"""Faults of a home's files: each is put in, called by name, and mended as it is said.

Nothing runs here; so "no hub" is found every time, and nothing else before the fault.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.cli import doctor
from tests.faults.injected import MENDED, SHOWN
from tests.faults.world import Case, case, well

QUIET = {"no hub"}


@pytest.fixture(scope="module")
def well_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is well, its catalogue and its archive."""
    root = tmp_path_factory.mktemp("well")
    well(root)
    return root


@pytest.fixture
def one(
    well_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Case:
    """A copy to break."""
    return case(well_root, tmp_path, monkeypatch, capsys)


def test_a_home_that_is_well_has_no_findings(one: Case) -> None:
    """But that nothing runs."""
    assert set(one.doctor()) == QUIET


@pytest.mark.parametrize("name", MENDED)
def test_a_fault_is_called_by_name_and_mended(one: Case, name: str) -> None:
    """The command it names mends it, as it stands there."""
    inject, what = MENDED[name]
    bundle = next(one.root.glob("bundles/????????*"))
    shutil.copytree(bundle, one.root.parent / "bundle")
    one.asides["FOLDER"] = str(one.root.parent / "bundle")
    inject(one)
    found = one.doctor()
    assert what in found
    for _ in found:
        if what in found:
            one.obey(found[what])
            found = one.doctor()

    assert set(found) == QUIET


@pytest.mark.parametrize("name", SHOWN)
def test_a_fault_is_called_by_name(one: Case, name: str) -> None:
    """And the command begins the way out."""
    inject, what, command = SHOWN[name]
    inject(one)

    assert command in one.doctor()[what]


def test_a_full_disk_is_called_by_name(
    one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is full."""
    few = shutil.disk_usage("/")._replace(free=doctor.DISK_BYTES_MIN - 1)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: few)
        assert "disk" in one.doctor()

    assert "disk" not in one.doctor()


def test_brokers_that_do_not_answer_are_called_by_name(
    one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of named brokers each."""
    monkeypatch.setenv("KERWEN_BOOTSTRAP", "127.0.0.1:1")

    assert "broker down" in one.doctor()
