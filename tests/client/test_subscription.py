"""Subscriptions: resumed, as of a moment, withdrawn, in a loop of events."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from hub import client
from hub.client import asynchronous, bookmark
from hub.client.bookmark import BEGINNING, Bookmark
from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.observation import Observation
from hub.core.topics import VINTAGES, indicator_topic
from tests.client.logs import (
    FIRST,
    SECOND,
    SETTINGS,
    Logs,
    figures,
    manifest,
    release,
    withdraw,
)


def subscribe(
    catalogue: Catalogue, table: Table, mark: Bookmark = BEGINNING
) -> tuple[list[client.Release], Bookmark]:
    """What is given now, and where to go on."""
    with client.Subscription(
        SETTINGS, "iom", [table.id], catalogue=catalogue, bookmark=mark
    ) as found:
        return list(found), found.bookmark


def test_a_reader_goes_on_where_it_stopped(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Nothing twice, nothing left out; not even what a crash put into the log again."""
    first = release(logs, table, FIRST, 1.0, 2.0)
    given, mark = subscribe(catalogue, table)
    release(logs, table, FIRST, 1.0, 2.0)
    second = release(logs, table, SECOND, 3.0)
    later, mark = subscribe(catalogue, table, bookmark.parse(mark.text()))

    assert [one.observations for one in given] == [tuple(first)]
    assert [one.observations for one in later] == [tuple(second)]
    assert subscribe(catalogue, table, mark)[0] == []


def test_figures_without_manifest_are_read_again_after_a_stop(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """What was held back when the reader stopped is not lost."""
    found = figures(table, FIRST, 1.0, 2.0)
    codec = observation.Codec(table)
    for one in found:
        logs.add(indicator_topic(table.id), codec.encode(one))
    given, mark = subscribe(catalogue, table)
    logs.add(VINTAGES, observation.encode(manifest(found, FIRST)))

    assert given == []
    assert [one.observations for one in subscribe(catalogue, table, mark)[0]] == [
        tuple(found)
    ]


def test_a_fresh_manifest_waits_for_its_figures(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Both are sent together, so either may come first; an old one raises."""
    found = figures(table, FIRST, 1.0)
    logs.add(VINTAGES, observation.encode(manifest(found, FIRST)))
    logs.times[VINTAGES, 0] = time.time_ns() // 1_000_000
    given, mark = subscribe(catalogue, table)
    logs.add(indicator_topic(table.id), observation.Codec(table).encode(found[0]))

    assert given == []
    assert len(subscribe(catalogue, table, mark)[0]) == 1
    logs.topics[indicator_topic(table.id)].clear()
    logs.times[VINTAGES, 0] = 0
    with pytest.raises(EnvelopeError, match="0 figures where"):
        subscribe(catalogue, table)


def test_who_was_given_a_release_hears_that_it_was_taken_back(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Once; whoever was not given it hears nothing of it."""
    found = release(logs, table, FIRST, 1.0)
    _, mark = subscribe(catalogue, table)
    withdraw(logs, found, FIRST, "wrong input")
    [gone], mark = subscribe(catalogue, table, mark)

    assert (gone.manifest.action, gone.manifest.reason) == ("withdraw", "wrong input")
    assert gone.observations == ()
    assert subscribe(catalogue, table, mark)[0] == []
    assert subscribe(catalogue, table)[0] == []


def test_as_of_goes_by_the_moment_of_publication(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """What came later is not there, what was taken back never is."""
    first = release(logs, table, FIRST, 1.0, time_ms=100)
    second = release(logs, table, SECOND, 2.0, time_ms=200)

    def at(moment: int | None) -> list[Observation]:
        found = client.observations(
            SETTINGS, "iom", [table.id], catalogue=catalogue, as_of_ms=moment
        )
        return client.latest(found)

    assert [at(99), at(100), at(200), at(None)] == [[], first, second, second]
    withdraw(logs, second, SECOND, "wrong")
    assert at(200) == first


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"form": "kerwen bookmark 1"}', '{"form": "other"}']
)
def test_a_damaged_bookmark_is_refused_and_named(tmp_path: Path, text: str) -> None:
    """It could leave something out, so it is never guessed at."""
    path = tmp_path / "mark.json"
    path.write_text(text)

    with pytest.raises(InvalidError, match=r"mark\.json"):
        bookmark.read(path)
    path.unlink()
    assert bookmark.read(path) == BEGINNING
    kept = Bookmark(positions={"a": 3}, given=frozenset({("A", "0a")}))
    bookmark.write(path, kept)
    assert bookmark.read(path) == kept


def test_a_loop_of_events_reads_the_same(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """In order, with bookmarks, and it can be left at any time."""
    first = release(logs, table, FIRST, 1.0, 2.0)

    async def all_of_it() -> list[Observation]:
        found = asynchronous.observations(
            SETTINGS, "iom", [table.id], catalogue=catalogue
        )
        return [one async for one in found]

    async def follow() -> list[bytes]:
        seen = []
        found = asynchronous.releases(
            SETTINGS, "iom", [table.id], catalogue=catalogue, follow=True
        )
        async for one, mark in found:
            seen.append(one.manifest.marker)
            assert one.place in mark.given
            if len(seen) == 1:
                release(logs, table, SECOND, 3.0)
            else:
                break
        await found.aclose()
        return seen

    assert asyncio.run(all_of_it()) == first
    assert asyncio.run(asyncio.wait_for(follow(), 20)) == [FIRST, SECOND]


def test_a_follower_in_a_loop_can_be_cancelled(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Its thread ends with it."""
    del logs

    async def cancelled() -> float:
        async def follow() -> None:
            found = asynchronous.observations(
                SETTINGS, "iom", [table.id], catalogue=catalogue, follow=True
            )
            async for _ in found:
                raise AssertionError("there is nothing")

        task = asyncio.create_task(follow())
        await asyncio.sleep(0.2)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(cancelled()) < 5
