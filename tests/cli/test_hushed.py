"""What is shown of logs in which a count is a secret."""

from __future__ import annotations

from hub.cli import hushed
from hub.core import topics
from hub.edge.files import read_catalogue
from hub.edge.impact import Place

CATALOGUE = read_catalogue()


def test_a_quiet_log_is_named_and_not_counted() -> None:
    """Neither number nor offsets, and in no sum."""
    quiet = topics.quiet(CATALOGUE)
    loud = topics.ministry_topic("sms", "border_crossing")
    silent = topics.ministry_topic("moh", "service_contact")
    found = [
        Place(topic=name, partition=1, messages=7, first=2, last=9)
        for name in (loud, silent)
    ]

    [shown, hidden] = hushed.rows(found, quiet)

    assert tuple(shown.values()) == (loud, 1, 7, 2, 9)
    assert tuple(hidden.values()) == (silent, 1, None, None, None)
    assert hushed.total([shown, hidden]) == 7
