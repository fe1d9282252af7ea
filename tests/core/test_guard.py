"""The guard: position, identity of a log, deaths at one message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import guard
from hub.core.errors import LogError
from hub.core.guard import Attempt, Position, Verdict
from hub.core.log import Incoming
from hub.core.messages import Genesis, encode

LOG = bytes(range(16))


def incoming(offset: int, value: bytes = b"v", time_ms: int = 1_000) -> Incoming:
    """A message."""
    return Incoming(offset=offset, time_ms=time_ms, value=value)


def genesis(topic: str = "t", partition: int = 0) -> bytes:
    """A genesis record."""
    return encode(
        Genesis(
            log=LOG,
            topic=topic,
            partition=partition,
            partitions=2,
            catalogue=bytes(32),
            generation=1,
            created_ms=0,
            key_id="k",
        )
    )


class TestDecide:
    """Offsets against the one that has to follow."""

    @pytest.mark.parametrize(
        ("offset", "verdict"),
        [(4, Verdict.REPLAY), (5, Verdict.NEXT), (6, Verdict.GAP)],
    )
    def test_only_the_next_offset_is_next(self, offset: int, verdict: Verdict) -> None:
        """Below is a replay, above a gap."""
        assert guard.decide(offset, 5) is verdict

    @given(st.lists(st.integers(0, 30), max_size=300))
    def test_any_delivery_folds_a_prefix_once_and_in_order(
        self, delivered: list[int]
    ) -> None:
        """Whatever is delivered, what is folded is a prefix, once and in order."""
        folded: list[int] = []
        for offset in delivered:
            if guard.decide(offset, len(folded)) is Verdict.NEXT:
                folded.append(offset)

        assert folded == list(range(len(folded)))


class TestPosition:
    """The stored position."""

    @given(
        st.integers(-1, 2**62),
        st.binary(min_size=16, max_size=16),
        st.binary(min_size=16, max_size=16),
        st.integers(0, 2**62),
    )
    def test_decode_undoes_encode(
        self, offset: int, log: bytes, digest: bytes, clock_ms: int
    ) -> None:
        """What is stored comes back."""
        position = Position(offset=offset, log=log, digest=digest, clock_ms=clock_ms)

        assert guard.decode_position(guard.encode_position(position)) == position

    @pytest.mark.parametrize("damage", [b"", b"x" * 60, b"\x02" + bytes(48)])
    def test_a_damaged_position_is_refused(self, damage: bytes) -> None:
        """Another size or version is an error, never a position."""
        with pytest.raises(LogError):
            guard.decode_position(damage)

    def test_after_takes_the_last_message_and_a_clock_that_never_goes_back(
        self,
    ) -> None:
        """The clock is the newest append time, the digest the last message's."""
        before = Position(offset=3, log=LOG, digest=b"", clock_ms=900)
        last = incoming(5, b"b", 700)

        after = before.after([incoming(4, b"a", 800), last])

        assert after == Position(
            offset=5, log=LOG, digest=guard.digest(last), clock_ms=900
        )

    @given(st.integers(0, 9), st.integers(0, 9), st.binary(max_size=8))
    def test_digest_tells_messages_apart(
        self, offset: int, time_ms: int, value: bytes
    ) -> None:
        """Offset, time and value all count."""
        one = incoming(offset, value, time_ms)
        others = (
            incoming(offset + 1, value, time_ms),
            incoming(offset, value + b"\x00", time_ms),
            incoming(offset, value, time_ms + 1),
        )

        assert guard.digest(one) not in map(guard.digest, others)


class TestIdentity:
    """Whose log it is."""

    def test_adopt_takes_the_uuid_of_the_genesis_record(self) -> None:
        """The first message gives a partition its identity."""
        source = guard.adopt("t", 0, incoming(0, genesis()))

        assert (source.name, source.log) == ("t/0", LOG)

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            (incoming(3, genesis()), "begins at offset 3"),
            (incoming(0, b"rubbish"), "no genesis record"),
            (incoming(0, b""), "no genesis record"),
            (incoming(0, genesis(partition=1)), "belongs to t/1"),
            (incoming(0, genesis(topic="u")), "belongs to u/0"),
        ],
    )
    def test_adopt_refuses_every_other_beginning(
        self, message: Incoming, text: str
    ) -> None:
        """A log begins with its own genesis record at offset 0."""
        with pytest.raises(LogError, match=text):
            guard.adopt("t", 0, message)

    def test_recognise_refuses_another_message_at_the_position(self) -> None:
        """A re-created topic is seen by the digest."""
        position = Position(offset=-1, log=LOG, digest=b"", clock_ms=0).after(
            [incoming(0, b"a")]
        )
        guard.recognise("t", 0, position, incoming(0, b"a"))

        with pytest.raises(LogError, match="re-created"):
            guard.recognise("t", 0, position, incoming(0, b"b"))

    @pytest.mark.parametrize(("start", "end"), [(0, 10), (10, 10), (0, 11), (4, 99)])
    def test_a_log_that_holds_the_next_message_is_in_place(
        self, start: int, end: int
    ) -> None:
        """The next message may be there, or be the next to come."""
        guard.placed("t", 0, 10, start, end)

    @pytest.mark.parametrize(
        ("start", "end", "text"), [(0, 9, "truncated"), (11, 20, "are gone")]
    )
    def test_a_log_that_lost_the_next_message_is_refused(
        self, start: int, end: int, text: str
    ) -> None:
        """Tail or head lost: the partition cannot go on."""
        with pytest.raises(LogError, match=text):
            guard.placed("t", 0, 10, start, end)


class TestAttempt:
    """Deaths at one place."""

    def test_starts_count_at_the_same_place_only(self) -> None:
        """Progress begins a new count."""
        first = guard.begin(None, 5, 9)
        again = guard.begin(guard.died(first), 5, 9)
        further = guard.begin(again, 6, 9)

        assert (again.starts, again.deaths) == (2, 1)
        assert (further.starts, further.deaths) == (1, 0)

    def test_three_deaths_are_hopeless(self) -> None:
        """The third death at the same place stops the partition."""
        attempt = Attempt(first=1, last=1, starts=3, deaths=3)

        assert attempt.hopeless
        assert not Attempt(first=1, last=1, starts=3, deaths=2).hopeless

    def test_kills_from_outside_need_many_more(self) -> None:
        """A start without an end makes suspicious, a dozen of them hopeless."""
        assert not Attempt(first=1, last=9, starts=2).suspect
        assert Attempt(first=1, last=9, starts=3).suspect
        assert not Attempt(first=1, last=9, starts=11).hopeless
        assert Attempt(first=1, last=9, starts=12).hopeless

    def test_three_deaths_stay_a_stop(self) -> None:
        """Whoever is given the partition, and however much later."""
        stopped = guard.judged(Attempt(first=1, last=1, starts=3, deaths=3), 1_000)

        assert (stopped.stops, stopped.stopped_ms) == (1, 1_000)
        assert guard.judged(stopped, 10**15) == stopped

    def test_starts_without_an_end_are_tried_again_ever_more_rarely(self) -> None:
        """At once, after a minute, two, four; at most an hour; each time one start."""
        attempt = Attempt(first=1, last=1, starts=12)
        rests = []
        for _ in range(10):
            stopped = guard.judged(attempt, 1_000)
            rests.append(stopped.rest_ms)
            waiting = guard.judged(stopped, 999 + stopped.rest_ms)
            assert waiting == (stopped if stopped.rest_ms else waiting)
            again = guard.judged(stopped, 1_000 + stopped.rest_ms)
            assert (again.stopped_ms, again.hopeless) == (0, False)
            attempt = guard.begin(again, 1, 1)
            assert attempt.hopeless

        minutes = [rest // 60_000 for rest in rests]
        assert minutes == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]

    def test_a_clock_that_went_back_keeps_nothing_stopped(self) -> None:
        """Whatever the clock was when it stopped."""
        far = Attempt(first=1, last=1, starts=12, stops=5, stopped_ms=10**15)

        assert guard.judged(far, 1_000).stopped_ms == 0

    def test_decode_undoes_encode_and_forgives_damage(self) -> None:
        """A record that cannot be read counts as none."""
        attempt = Attempt(
            first=1, last=2, starts=3, deaths=1, stops=2, stopped_ms=1_000
        )

        assert guard.decode_attempt(guard.encode_attempt(attempt)) == attempt
        assert guard.decode_attempt(b"\x09") is None
        assert guard.decode_attempt(None) is None
