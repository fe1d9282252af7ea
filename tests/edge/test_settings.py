"""Settings come from the environment, once, and go to children unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.errors import MachineError, UsageError
from hub.edge.settings import Home, Settings, from_environment


def test_defaults_need_nothing() -> None:
    """Without a variable the home is `.kerwen` here, and nothing else is set."""
    settings = from_environment({})

    assert settings == Settings(home=Home(root=Path.cwd() / ".kerwen"))


def test_a_child_reads_what_its_parent_had(tmp_path: Path) -> None:
    """What is put into an environment is read back from it."""
    settings = Settings(
        home=Home(root=tmp_path),
        catalogue=tmp_path / "catalogue",
        bootstrap="127.0.0.1:9093",
        log_level="DEBUG",
        worker="intake-0",
        metrics_port=9400,
        metrics_host="0.0.0.0",  # noqa: S104 - as in a container
        checkpoint_seconds=60,
        checkpoints=tmp_path / "shelves",
    )

    assert from_environment(settings.environment()) == settings


@pytest.mark.parametrize(
    "values",
    [{"KERWEN_LOG_LEVEL": "LOUD"}, {"KERWEN_METRICS_PORT": "x"}]
    + [{"KERWEN_CHECKPOINT_SECONDS": seconds} for seconds in ("-1", "x", "86401")]
    + [{"KERWEN_METRICS_PORT": port} for port in ("-1", "65536", "٣")],
)
def test_a_senseless_variable_is_named(values: dict[str, str]) -> None:
    """A value that cannot be used is a usage error with the variable's name."""
    with pytest.raises(UsageError, match=next(iter(values))):
        from_environment(values)


def test_without_a_hub_the_way_to_one_is_said(tmp_path: Path) -> None:
    """No brokers named and none running: the message names both remedies."""
    with pytest.raises(MachineError, match=r"kerwen up.*KERWEN_BOOTSTRAP"):
        Settings(home=Home(root=tmp_path)).brokers()


def test_folders_are_private(tmp_path: Path) -> None:
    """Everything a hub writes is its user's own."""
    home = Home(root=tmp_path / "deep" / "home")
    home.make()

    assert {folder.stat().st_mode & 0o777 for folder in home.root.iterdir()} == {0o700}


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file where the home should be is one error of the machine."""
    (tmp_path / "home").write_text("")

    with pytest.raises(MachineError, match="KERWEN_HOME"):
        Home(root=tmp_path / "home").make()
