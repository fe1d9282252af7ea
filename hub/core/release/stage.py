"""Release: ``hub.cells`` to signed vintages.

Rules (delivery, rules 8 and 10; docs/data-path.md, "Release"):

- Only complete snapshots count: a vintage is a pure function of the log, and the same
  marker gives the same bytes, whatever the chunks.
- Cuts are released in the order in which the first partition of domain NONE, which
  every cut needs, has answered their markers: what one cut may show depends on those
  before it. A later cut never overtakes one that waits.
- A cut is computed under its own bundle (:mod:`hub.core.release.office`).
- A vintage stands once: a second one is refused (:mod:`hub.core.release.once`); one
  that needs a word waits for it (:mod:`hub.core.release.drafts`).
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
from hub.core.release import collect, drafts
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
            return Office(bundle, secret=secret, signer=signer)

        self._bundles = bundles
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
            if not isinstance(block, Block):
                continue
            header, ended = self._take(overlay, message, block, gaps)
            if ended:
                sends += self._turns(overlay, counts)
            if header is not None:
                sends += self._approved(overlay, header.config, counts)
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
    ) -> tuple[BlockHeader | None, bool]:
        """Fold one block; its header if it counts, and whether a cut may have ended."""
        sections: list[Section] = []
        if message.aside:
            header = decode_as(BlockHeader, block.header)
        else:
            header, sections = blocks.open(block, self._cells_key)
        verdict = coverage.admit(overlay, header)
        if verdict.action == "gap":
            gaps[header.source.name] = None
        if verdict.action != "apply":
            return None, False
        coverage.advance(overlay, header)
        for section in sections:
            if section.name == "snapshot":
                collect.hold(overlay, header.source, header.to, section, verdict.after)
        if header.kind != "complete" or message.aside:
            return header, False
        ending = blocks.ending_of(header, sections)
        collect.complete(overlay, header.source, ending)
        return header, True

    def _turns(self, overlay: Overlay, counts: Counter[Series]) -> list[Send]:
        """Release every cut that is whole and whose turn it is."""
        sends: list[Send] = []
        for waiting in collect.waiting(overlay):
            office = self._offices.of(waiting.config)
            if not waiting.turn or office.missing(overlay, waiting):
                break
            reason = office.refusal(overlay, waiting)
            if reason:
                sends.append(office.refuse(waiting, reason, counts))
            elif office.approved:
                sends.append(office.draft(overlay, waiting))
                sends += self._let_out(overlay, counts)
                continue
            else:
                sends += office.release(overlay, waiting, counts)
            collect.finish(overlay, waiting.close.marker)
        return sends

    def _approved(
        self, overlay: Overlay, config: bytes, counts: Counter[Series]
    ) -> list[Send]:
        """Let out what a bundle that is newer than all before it approves."""
        before = drafts.newest(overlay)
        if self._offices.newer(before, config) == before:
            return []
        drafts.met(overlay, config)
        return self._let_out(overlay, counts)

    def _let_out(self, overlay: Overlay, counts: Counter[Series]) -> list[Send]:
        """Publish the drafts that the newest bundle approves.

        A draft may be younger than its approval: where cells were made anew, the newest
        bundle is in force from the beginning of their log.
        """
        sends: list[Send] = []
        newest = drafts.newest(overlay)
        for waiting, seen in list(drafts.waiting_ones(overlay)):
            word = drafts.approval(self._bundles, newest, waiting, seen)
            if word is not None:
                office = self._offices.of(waiting.config)
                at_ms = word.created_ms
                sends += office.let_out(overlay, waiting, seen, at_ms, counts)
                drafts.drop(overlay, waiting.close.marker)
        return sends
