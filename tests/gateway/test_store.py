"""The store takes in what holds, once, and is a cache of the log."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import observation
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming
from hub.core.topics import VINTAGES, indicator_topic
from hub.gateway.file import connect
from hub.gateway.lookup import Lookup
from hub.gateway.store import Store
from tests.core.sdmx.releases import (
    DAY,
    MOMENT,
    REGISTRY,
    Log,
    catalogue,
    close,
    release,
    released,
    withdraw,
)
from tests.gateway.house import LOG_ID, House, house

NAME = "STK_VEL"
TOPIC = indicator_topic(NAME)


def held(one: House, as_of_ms: int | None = None) -> dict[tuple[str, str], object]:
    """Key and period → value, as the store has them."""
    state = one.gateway.states[NAME]
    rows = one.gateway.lookup.rows(state, [None] * 4, None, as_of_ms)
    return {(row[0], row[3]): row[4] for row in rows}


def expected(number: int, vintage: str = "P") -> dict[tuple[str, str], object]:
    """The same of a release as it was made."""
    found, _ = released(catalogue().tables[NAME], close(number, vintage=vintage))
    return {(one.series, one.period): one.value for one in found}


def test_a_release_goes_in_whole(empty: House) -> None:
    """Every figure, and what changed is told."""
    log = Log()
    release(log, [NAME], close(1))
    [change] = empty.take(log)

    assert held(empty) == expected(1)
    assert (change.table, change.action, change.refused) == (NAME, "release", "")
    assert change.seen_ms == MOMENT + DAY


def test_figures_wait_for_their_manifest(empty: House) -> None:
    """Until the signed end is here nothing is given out; then it is, once."""
    log = Log()
    release(log, [NAME], close(1))
    manifest = log.topics[VINTAGES].pop()
    assert empty.take(log) == []
    assert held(empty) == {}
    log.topics[VINTAGES].append(manifest)
    assert len(empty.take(log)) == 1
    assert empty.take(log) == []
    assert held(empty) == expected(1)


def test_a_manifest_waits_for_its_figures(empty: House) -> None:
    """As long as more may come; then it is refused, for good."""
    log = Log()
    release(log, [NAME], close(1))
    late = log.topics[TOPIC].pop()
    assert empty.take(log, caught_up=False) == []
    log.topics[TOPIC].append(late)
    [change] = empty.take(log)
    assert change.refused == ""
    assert held(empty) == expected(1)


def test_a_release_that_lacks_a_figure_is_refused(empty: House) -> None:
    """Nothing of it is given out, and what came before stays."""
    log = Log()
    release(log, [NAME], close(1))
    empty.take(log)
    release(log, [NAME], close(2))
    del log.topics[TOPIC][-1]
    [change] = empty.take(log)

    assert "its manifest says" in change.refused
    assert held(empty) == expected(1)
    assert [one.refused is None for one in empty.gateway.states[NAME].releases] == [
        True,
        False,
    ]


def test_a_forged_figure_is_refused(empty: House) -> None:
    """One value that is not the signed one spoils its release."""
    found, vintage = released(catalogue().tables[NAME], close(1))
    codec = observation.Codec(catalogue().tables[NAME])
    log = Log()
    for at, one in enumerate(found):
        forged = replace(one, value=(one.value or 0) + 1) if at == 0 else one
        log.add(TOPIC, MOMENT, codec.encode(forged))
    log.add(VINTAGES, MOMENT, observation.encode(vintage))
    [change] = empty.take(log)

    assert "not those of the manifest" in change.refused
    assert held(empty) == {}


def test_a_manifest_of_another_key_never_counts(empty: House) -> None:
    """Only the hub's release key ends a release."""
    _, vintage = released(catalogue().tables[NAME], close(1))
    other = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    forged = observation.sign(vintage, other)
    message = Incoming(offset=0, time_ms=0, value=observation.encode(forged))

    with pytest.raises(EnvelopeError, match="not signed"), empty.store.batch({}):
        empty.store.add_manifest(message)
    assert empty.take(Log()) == []


def test_keys_may_change_while_it_runs(tmp_path: Path) -> None:
    """A manifest of a key that is not known yet makes the registry be read again."""
    known = [KeyRegistry(keys={}), REGISTRY]
    store = Store(tmp_path / "s.sqlite", catalogue(), lambda: known.pop(0))
    _, vintage = released(catalogue().tables[NAME], close(1))

    with store.batch({}):
        store.add_manifest(
            Incoming(offset=0, time_ms=0, value=observation.encode(vintage))
        )
    assert store.waits
    assert known == []


def test_what_stands_in_the_log_twice_is_in_the_store_once(empty: House) -> None:
    """A crash of the hub between sending and storing shows nowhere."""
    log = Log()
    release(log, [NAME], close(1))
    release(log, [NAME], close(1))
    assert len(empty.take(log)) == 1
    release(log, [NAME], close(1))
    assert empty.take(log) == []
    assert held(empty) == expected(1)
    rows = connect(empty.store.path).execute("SELECT count(*) FROM pending").fetchone()
    assert rows == (0,)


def test_a_release_that_was_taken_back_uncovers_the_one_before(empty: House) -> None:
    """At every moment, also those at which it stood."""
    log = Log()
    release(log, [NAME], close(1))
    release(log, [NAME], close(2))
    withdraw(log, NAME, close(2), MOMENT + 3 * DAY, "wrong input")
    changes = empty.take(log)

    assert [one.action for one in changes] == ["release", "release", "withdraw"]
    assert held(empty) == expected(1)
    assert held(empty, MOMENT + 2 * DAY) == expected(1)
    last = empty.gateway.states[NAME].releases[-1]
    assert (last.stands, last.reason) == (False, "wrong input")


def test_an_older_release_that_comes_late_stays_behind(empty: House) -> None:
    """The newest counts by its release time, not by its place in the log."""
    log = Log()
    release(log, [NAME], close(2))
    empty.take(log)
    release(log, [NAME], close(1))
    empty.take(log)

    assert held(empty) == expected(2)


def test_it_survives_a_restart(tmp_path: Path) -> None:
    """Figures, waiting ones, and where to read on."""
    log = Log()
    release(log, [NAME], close(1))
    manifest = log.topics[VINTAGES].pop()
    first = house(tmp_path)
    first.take(log)
    first.store.close()
    second = house(tmp_path)
    second.read = second.store.positions(dict.fromkeys(log.topics, LOG_ID))

    assert second.read == {topic: len(found) for topic, found in log.topics.items()}
    log.topics[VINTAGES].append(manifest)
    second.take(log)
    assert held(second) == expected(1)


def test_a_topic_made_anew_empties_it(empty: House) -> None:
    """The store is a cache of one log and of no other."""
    log = Log()
    release(log, [NAME], close(1))
    empty.take(log)

    assert empty.store.positions({TOPIC: LOG_ID})[TOPIC] > 0
    assert empty.store.positions({TOPIC: b"another"}) == {TOPIC: 0}
    assert empty.gateway.lookup.state(NAME).observations == 0


def test_a_batch_that_breaks_off_leaves_nothing(empty: House) -> None:
    """Positions and what was read up to them move together."""
    log = Log()
    release(log, [NAME], close(1))
    messages = [
        Incoming(offset=at, time_ms=0, value=value)
        for at, (_, value) in enumerate(log.topics[TOPIC])
    ]

    def broken() -> None:
        with empty.store.batch({TOPIC: (LOG_ID, 9)}):
            empty.store.add_figures(NAME, messages)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert empty.store.positions({TOPIC: LOG_ID}) == {TOPIC: 0}
    rows = connect(empty.store.path).execute("SELECT count(*) FROM pending").fetchone()
    assert rows == (0,)


def test_other_bytes_are_counted_and_left_out(empty: House) -> None:
    """A message that is no observation of the table."""
    with empty.store.batch({}):
        bad = [Incoming(offset=0, time_ms=0, value=b"\0\0\0\0\1xx")]
        assert empty.store.add_figures(NAME, bad) == 1


def test_a_file_of_another_form_is_begun_anew(tmp_path: Path) -> None:
    """It is a cache: nothing has to be carried over."""
    path = tmp_path / "s.sqlite"
    store = Store(path, catalogue(), lambda: REGISTRY)
    store.close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE meta SET value = 'old'")
    Store(path, catalogue(), lambda: REGISTRY).close()

    assert Lookup(path).state(NAME).releases == ()
