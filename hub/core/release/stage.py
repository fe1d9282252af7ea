"""Release: ``hub.cells`` to signed vintages.

Rules (delivery, rules 8 and 10; docs/data-path.md, "Release"):

- Only complete snapshots count: a vintage is a pure function of the log, and the same
  marker gives the same bytes, whatever the chunks.
- Cuts are released in the order in which the first partition of domain NONE, which
  every cut needs, has answered their markers: what one cut may show depends on those
  before it. A later cut never overtakes one that waits.
- A cut is computed under its own bundle (:mod:`hub.core.release.office`).
- A marker that is void in any domain is forgotten.

State: see :mod:`hub.core.release.collect` and :mod:`hub.core.release.ledger`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hub.core import blocks, coverage
from hub.core.blocks import InternalKey
from hub.core.bundle import NONE, Books, Bundle, Bundles
from hub.core.keys import SigningKey
from hub.core.log import Incoming, Send, Source
from hub.core.messages import Block, BlockHeader, Section, decode, decode_as
from hub.core.release import collect
from hub.core.release.office import Office
from hub.core.stage import Result, Series
from hub.core.standing import WAITING, Standing, of_close
from hub.core.state import Overlay, Reader


class Release:
    """The stage; it holds the disclosure secret and the release key."""

    name = "release"

    def __init__(
        self,
        bundles: Bundles,
        *,
        cells_key: InternalKey,
        secret: bytes,
        signer: SigningKey,
    ) -> None:
        def office(bundle: Bundle) -> Office:
            return Office(bundle.catalogue, secret=secret, signer=signer)

        self._offices = Books(bundles, office)
        # A policy that cannot keep its promise is found out here, and not at a cut.
        for newest in bundles.held()[-1:]:
            self._offices.of(newest)
        self._cells_key = cells_key

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See :class:`hub.core.stage.Stage`."""
        del source  # one topic, one partition; what counts is each block's own source
        sends: list[Send] = []
        counts: Counter[Series] = Counter()
        gaps: dict[str, None] = {}
        for message in messages:
            block = decode(message.value)
            if isinstance(block, Block) and self._take(overlay, message, block, gaps):
                sends += self._turns(overlay, counts)
        return Result(sends=sends, counts=dict(counts), gaps=tuple(gaps))

    def standing(self, topic: str, state: Reader) -> Standing:
        """See :class:`hub.core.standing.Stands`."""
        del topic
        overlay = Overlay(state)
        cuts, newest = [], NONE
        for one in collect.waiting(overlay):
            newest = self._offices.newer(newest, one.config)
            missing = self._offices.of(one.config).missing(overlay, one)
            cuts.append(of_close(WAITING, one.close, sources=missing))
        return Standing(bundle=newest, cuts=tuple(cuts))

    def _take(
        self, overlay: Overlay, message: Incoming, block: Block, gaps: dict[str, None]
    ) -> bool:
        """Fold one block; whether a cut may have become whole, or gone."""
        sections: list[Section] = []
        if message.aside:
            header = decode_as(BlockHeader, block.header)
        else:
            header, sections = blocks.open(block, self._cells_key)
        verdict = coverage.admit(overlay, header)
        if verdict.action == "gap":
            gaps[header.source.name] = None
        if verdict.action != "apply":
            return False
        coverage.advance(overlay, header)
        for section in sections:
            if section.name == "snapshot":
                collect.hold(overlay, header.source, header.to, section, verdict.after)
        if header.kind != "complete" or message.aside:
            return False
        ending = blocks.ending_of(header, sections)
        collect.complete(overlay, header.source, ending)
        return True

    def _turns(self, overlay: Overlay, counts: Counter[Series]) -> list[Send]:
        """Release every cut that is whole and whose turn it is."""
        sends: list[Send] = []
        for waiting in collect.waiting(overlay):
            office = self._offices.of(waiting.config)
            if not waiting.turn or office.missing(overlay, waiting):
                break
            sends += office.release(overlay, waiting, counts)
            collect.finish(overlay, waiting.close.marker)
        return sends
