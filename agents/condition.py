"""How a partition is doing: the words that status, doctor and metrics know."""

from __future__ import annotations

from enum import StrEnum


class Condition(StrEnum):
    """How a partition is doing."""

    OPENING = "opening"  # its state is not open yet
    CHECKING = "checking"  # the log has not shown yet that it is the right one
    RUNNING = "running"
    WAITING = "waiting"  # for a bundle; goes on by itself
    STOPPED = "stopped"  # waits for a person
    GONE = "gone"  # taken away

    @property
    def stands(self) -> bool:
        """Whether it waits for a bundle or a person."""
        return self in (Condition.WAITING, Condition.STOPPED)
