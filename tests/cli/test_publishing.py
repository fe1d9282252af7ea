"""``kerwen doctor --member``: what is wrong at a ministry, and nothing of a hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.cli import doctor
from hub.core.errors import InvalidError
from hub.edge import keyring, locks
from hub.edge.files import read_catalogue
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Home, Settings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with keys."""
    root = tmp_path_factory.mktemp("home") / "home"
    keyring.create(root, read_catalogue(), now_ms=1_770_000_000_000)
    return Settings(home=Home(root=root))


@pytest.fixture
def settings(made: Settings) -> Iterator[Settings]:
    """The home without traces of a service."""
    made.home.make()
    yield made
    for path in (*made.home.run.iterdir(), *made.home.root.glob("push/*")):
        path.unlink()


def found(settings: Settings) -> list[tuple[str, str]]:
    """Findings as kind and cause."""
    return [(one.what, one.cause) for one in doctor.look_at(settings, "sms")]


def say(settings: Settings, **said: Any) -> None:
    """What a service says of itself."""
    (settings.home.run / "watch-sms.json").write_text(json.dumps({"pid": 1} | said))


def test_a_machine_that_is_in_order_has_no_finding(settings: Settings) -> None:
    """No hub is looked for."""
    assert found(settings) == []
    with pytest.raises(InvalidError, match="publishes nothing"):
        list(doctor.look_at(settings, "iom"))


def test_missing_keys_are_found(tmp_path: Path) -> None:
    """A machine that was set up halfway."""
    what = [one for one, _ in found(Settings(home=Home(root=tmp_path)))]

    assert what == ["keys", "keys"]


def test_a_service_that_ended_is_found(settings: Settings) -> None:
    """It left its word behind, and its lock is free."""
    say(settings)

    assert [cause for _, cause in found(settings)] == [
        "kerwen watch of sms ended without a word; what it had spooled is safe"
    ]


def test_a_service_that_hangs_is_found(settings: Settings) -> None:
    """Its lock is held, and its probe does not answer; then it does."""
    held = locks.hold(settings.home.run / "watch-sms.lock")
    assert held is not None
    server = Server(
        Metrics("publisher"), live=lambda: {"ok": True}, ready=lambda: {"ok": True}
    )
    say(settings, metrics=server.port)
    answering = found(settings)
    server.close()
    silent = found(settings)
    held.close()

    assert answering == []
    assert [(what, "does not answer" in cause) for what, cause in silent] == [
        ("service", True)
    ]


def test_files_to_be_mended_are_counted(settings: Settings, tmp_path: Path) -> None:
    """And a folder that is gone is told."""
    (tmp_path / "in" / "failed").mkdir(parents=True)
    for name in ("a.csv", "a.csv.errors.csv", "b.csv"):
        (tmp_path / "in" / "failed" / name).touch()
    held = locks.hold(settings.home.run / "watch-sms.lock")
    assert held is not None
    server = Server(
        Metrics("publisher"), live=lambda: {"ok": True}, ready=lambda: {"ok": True}
    )
    folders = [str(tmp_path / "in"), str(tmp_path / "gone")]
    say(settings, metrics=server.port, folders=folders)
    kinds, causes = zip(*found(settings), strict=True)
    server.close()
    held.close()

    assert kinds == ("files", "folder")
    assert causes[0].startswith("2 files wait in ")
    assert "gone is watched, and is not there" in causes[1]


def test_tokens_that_others_may_read_are_found(settings: Settings) -> None:
    """They are digests, and still nobody's business."""
    path = settings.home.root / "push" / "sms.tokens"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o644)
    path.chmod(0o644)

    assert [what for what, _ in found(settings)] == ["tokens"]
