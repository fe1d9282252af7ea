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
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.dedupe.flows import flows, rules_of
from hub.core.dedupe.statements import signed
from hub.core.dedupe.step import Setting, Skips, Step
from hub.core.envelope.seal import seal_to_member
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.log import ROW_LAST, Coordinate, Incoming, Send, Source
from hub.core.messages import ROWS_MAX, Decision, Statement, encode
from hub.core.stage import Result
from hub.core.state import Overlay


class Dedupe:
    """The stage dedupe, for the records topics of all domains."""

    name = "dedupe"

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        registry: KeyRegistry,
        records: InternalKey,
        facts: InternalKey,
        statement: SigningKey,
        entropy: Callable[[int], bytes],
        skips: Skips | None = None,
    ) -> None:
        """Prepare every domain.

        Args:
            catalogue: The bundle's catalogue.
            registry: Public keys; statements are sealed to their ministries' keys.
            records: InternalKey of the arrow from intake.
            facts: Key of the arrow to aggregate.
            statement: The hub's statement key.
            entropy: Source of nonces.
            skips: Signed skips of the bundles that workers may meet.
        """
        self._catalogue = catalogue
        self._registry = registry
        self._facts = facts
        self._statement = statement
        self._entropy = entropy
        every = flows(catalogue)
        self._settings: dict[str, tuple[Domain, Setting]] = {}
        for domain in Domain:
            own = {id_: flow for id_, flow in every.items() if flow.domain == domain}
            names = (f"{t}/{p}" for t, p in topics.sources(catalogue, domain))
            setting = Setting(
                flows=own,
                expected=frozenset(names),
                quiet=any(flow.quiet for flow in own.values()),
                rules=rules_of(catalogue, domain),
                key=records,
                skips=skips or {},
            )
            self._settings[topics.records_topic(domain)] = domain, setting

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """Fold consecutive messages of one records topic into the overlay."""
        found = self._settings.get(source.topic)
        if found is None:
            raise InvalidError(f"dedupe does not read {source.topic}")
        domain, setting = found
        start = Coordinate(offset=messages[0].offset - 1, row=ROW_LAST)
        step = Step(setting, overlay, start)
        told: list[Send] = []
        step.open_diary(partial(self._tell, told, step, quiet=setting.quiet))
        for message in messages:
            step.take(message)
        step.finish()
        seal = partial(
            blocks.seal,
            stage=self.name,
            source=source,
            start=start,
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
        )

    def _tell(
        self,
        told: list[Send],
        step: Step,
        ministry: str,
        day: str,
        all_: Iterator[Decision],
        *,
        quiet: bool,
    ) -> bool:
        """Sign, seal and queue a ministry's statements; False without its key."""
        member = self._catalogue.members[ministry].member
        try:
            key_id, public = self._registry.recipient(member)
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
                "statement", member, key_id, public, plain, quiet=quiet
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
