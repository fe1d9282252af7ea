"""The stage: blocks of rows in, changes of facts out.

Rules (design: delivery, rules 5, 6, 8, 9 and 13):

- Messages are folded one by one; what a message gives does not depend on how they were
  put into chunks. A held message counts as part of the one that releases it.
- Rows in = unique + replay + duplicate + amendment + cancellation, counted for each
  ministry and dataflow; nothing is counted for quiet dataflows.
- Statements are signed, sealed to their ministry, and never sent in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from hub.core import blocks, topics
from hub.core.blocks import InternalKey
from hub.core.bundle import Books, Bundles
from hub.core.catalogue.model import Domain
from hub.core.dedupe.setting import setting, standing
from hub.core.dedupe.statements import signed
from hub.core.dedupe.step import Step
from hub.core.envelope.seal import seal_to_member
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import SigningKey
from hub.core.log import Incoming, Send, Source
from hub.core.messages import ROWS_MAX, Decision, Statement, encode
from hub.core.stage import Result
from hub.core.standing import Standing
from hub.core.state import Overlay, Reader


class Dedupe:
    """The stage dedupe, for the records topics of all domains."""

    name = "dedupe"

    def __init__(
        self,
        bundles: Bundles,
        *,
        records: InternalKey,
        facts: InternalKey,
        statement: SigningKey,
        entropy: Callable[[int], bytes],
    ) -> None:
        """Prepare every domain.

        Args:
            bundles: Every bundle this worker holds.
            records: Key of the arrow from intake.
            facts: Key of the arrow to aggregate.
            statement: The hub's statement key.
            entropy: Source of nonces.
        """
        self._records = records
        self._facts = facts
        self._statement = statement
        self._entropy = entropy
        self._domains = {topics.records_topic(domain): domain for domain in Domain}
        self._books = {
            domain: Books(bundles, partial(setting, domain)) for domain in Domain
        }

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """Fold consecutive messages of one records topic into the overlay."""
        domain = self._domain(source.topic)
        step = Step(self._books[domain], overlay, self._records, messages)
        told: list[Send] = []
        step.open_diary(partial(self._tell, told, step))
        taken = step.run(messages)
        step.close()
        seal = partial(
            blocks.seal,
            stage=self.name,
            source=source,
            start=step.start,
            config=step.config,
            generation=step.generation,
            key=self._facts,
            entropy=self._entropy,
        )
        topic = topics.facts_topic(domain)
        sends = [
            Send(topic=topic, partition=partition, key=None, value=value)
            for partition, value in step.changes.seal(seal)
        ]
        return Result(
            sends=sends + told,
            counts=dict(step.counts),
            gauges=step.gauges(source.name),
            gaps=tuple(sorted(step.gaps)),
            taken=taken,
            more=step.more,
        )

    def standing(self, topic: str, state: Reader) -> Standing:
        """See :class:`hub.core.standing.Stands`."""
        return standing(Overlay(state), self._books[self._domain(topic)])

    def _domain(self, topic: str) -> Domain:
        found = self._domains.get(topic)
        if found is None:
            raise InvalidError(f"dedupe does not read {topic}")
        return found

    def _tell(
        self,
        told: list[Send],
        step: Step,
        ministry: str,
        day: str,
        all_: Iterator[Decision],
    ) -> bool:
        """Sign, seal and queue a ministry's statements; False without its key."""
        found = step.setting
        member = found.members[ministry]
        try:
            key_id, public = found.registry.recipient(member)
        except EnvelopeError:
            return False
        while decisions := tuple(islice(all_, ROWS_MAX)):
            statement = Statement(
                member=member,
                day=day,
                decisions=decisions,
                created_ms=step.clock_ms,
                key_id=self._statement.key_id,
            )
            plain = signed(statement, self._statement.private)
            sealed = seal_to_member(
                "statement", member, key_id, public, plain, quiet=found.quiet
            )
            told.append(
                Send(
                    topic=topics.statements_topic(ministry),
                    partition=0,
                    key=None,
                    value=encode(sealed),
                )
            )
        return True
