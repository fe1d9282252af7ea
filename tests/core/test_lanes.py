"""The lane machine: never twice, never stuck."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.core.lanes import KEPT, Kept, Lane, Lanes, Outcome, judge, partition_of
from hub.core.messages import DIGEST_NONE
from hub.core.state import Memory, Overlay

A, B, C = (letter * 32 for letter in (b"a", b"b", b"c"))
LANE = b"l" * 16
REMEMBERED = 4  # few, so that the model meets stale envelopes
AT_2 = Lane(sequence=2, digest=B)


@pytest.mark.parametrize(
    ("lane", "envelope", "kept", "outcome"),
    [
        (Lane(), (1, DIGEST_NONE, A), None, Outcome.NEW),
        (Lane(), (2, A, B), None, Outcome.GAP),
        (AT_2, (3, B, C), None, Outcome.NEW),
        (AT_2, (3, A, C), None, Outcome.FORK),
        (AT_2, (4, C, A), None, Outcome.GAP),
        (AT_2, (2, A, B), Kept(digest=B), Outcome.DUPLICATE),
        (AT_2, (2, A, C), Kept(digest=B), Outcome.FORK),
        (AT_2, (1, DIGEST_NONE, C), Kept(digest=A), Outcome.FORK),
        (AT_2, (1, DIGEST_NONE, A), None, Outcome.STALE),
    ],
)
def test_an_envelope_is_judged_by_its_place_in_the_chain(
    lane: Lane,
    envelope: tuple[int, bytes, bytes],
    kept: Kept | None,
    outcome: Outcome,
) -> None:
    """Every combination of sequence, predecessor and memory has one outcome."""
    assert judge(lane, *envelope, kept) is outcome


def test_a_lane_keeps_to_one_partition() -> None:
    """The partition is the lane's number modulo the partitions."""
    assert [partition_of(bytes(15) + bytes([last])) for last in (0, 1, 2)] == [0, 1, 0]


def test_only_the_last_receipts_are_kept() -> None:
    """What is remembered of a lane is bounded, however a chunk was cut."""
    for cut in (1, KEPT + 20):
        memory = Memory()
        previous = DIGEST_NONE
        taken: list[tuple[int, bytes]] = []
        for sequence in range(1, KEPT + 21):
            if not taken:
                overlay = Overlay(memory)
                machine = Lanes(overlay)
            digest = hashlib.sha256(previous).digest()
            assert machine.take(LANE, sequence, previous, digest)[0] is Outcome.NEW
            taken.append((sequence, digest))
            previous = digest
            if len(taken) == cut:
                for number, name in taken:
                    machine.keep(LANE, number, name, b"receipt")
                memory.apply(overlay.pending)
                taken = []

        assert len(memory.entries) == KEPT + 1
        assert Lanes(Overlay(memory)).kept(LANE, 20) is None
        assert Lanes(Overlay(memory)).kept(LANE, 21) is not None


class Publishers(RuleBasedStateMachine):
    """Publishers that send, re-send, lose their spool, and an intake that may crash.

    The model is what was ever taken: digest -> receipt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.taken: dict[bytes, bytes] = {}
        self.count = 0
        self.histories: list[list[tuple[int, bytes, bytes]]] = []
        self.lanes: list[bytes] = []
        self.open()

    @rule()
    def open(self) -> None:
        """A new lane, as after a fork or a lost spool."""
        self.lanes.append(len(self.lanes).to_bytes(16, "big"))
        self.histories.append([])

    @rule(which=st.integers(0, 99), crash=st.booleans())
    def send_next(self, which: int, crash: bool) -> None:
        """The publisher seals one more batch; a crash loses intake's chunk."""
        lane, history = self._pick(which)
        previous = history[-1][2] if history else DIGEST_NONE
        envelope = (len(history) + 1, previous, self._digest())
        history.append(envelope)
        self._arrive(lane, envelope, crash=crash)

    @rule(which=st.integers(0, 99), back=st.integers(0, 99), crash=st.booleans())
    def send_again(self, which: int, back: int, crash: bool) -> None:
        """Any envelope of the lane once more, also one that was never taken."""
        lane, history = self._pick(which)
        if history:
            self._arrive(lane, history[back % len(history)], crash=crash)

    @rule(which=st.integers(0, 99), keep=st.integers(0, 99))
    def restore_spool(self, which: int, keep: int) -> None:
        """The publisher's spool is an old copy: it goes on from there."""
        _, history = self._pick(which)
        del history[keep % (len(history) + 1) :]

    @rule(which=st.integers(0, 99), ahead=st.integers(2, 5))
    def send_beyond(self, which: int, ahead: int) -> None:
        """An envelope whose predecessors never came."""
        lane, history = self._pick(which)
        sequence = len(history) + ahead
        self._arrive(lane, (sequence, self._digest(), self._digest()), crash=False)

    @invariant()
    def there_is_a_way_forward(self) -> None:
        """In every lane the expected envelope would be new, and a new lane opens."""
        for lane in (*self.lanes, b"z" * 16):
            machine = Lanes(Overlay(self.memory), REMEMBERED)
            stands = machine.lane(lane)
            outcome, after = machine.take(
                lane, stands.expected, stands.digest, self._digest()
            )

            assert outcome is Outcome.NEW
            assert after.expected == stands.expected + 1

    def _arrive(
        self, lane: bytes, envelope: tuple[int, bytes, bytes], *, crash: bool
    ) -> None:
        sequence, previous, digest = envelope
        overlay = Overlay(self.memory)
        machine = Lanes(overlay, REMEMBERED)
        before = machine.lane(lane)
        outcome, after = machine.take(lane, sequence, previous, digest)
        if outcome is Outcome.NEW:
            assert digest not in self.taken
            assert (sequence, previous) == (before.expected, before.digest)
            receipt = b"receipt of " + digest
            machine.keep(lane, sequence, digest, receipt)
            if not crash:
                self.memory.apply(overlay.pending)
                self.taken[digest] = receipt
            return
        assert after == before
        assert not overlay.pending
        if outcome is Outcome.DUPLICATE:
            kept = machine.kept(lane, sequence)
            assert kept is not None
            assert kept.receipt == self.taken[digest]
        else:
            assert digest not in self.taken or sequence <= before.sequence - REMEMBERED

    def _pick(self, which: int) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
        at = which % len(self.lanes)
        return self.lanes[at], self.histories[at]

    def _digest(self) -> bytes:
        self.count += 1
        return hashlib.sha256(self.count.to_bytes(8, "big")).digest()


TestPublishers = Publishers.TestCase
TestPublishers.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
