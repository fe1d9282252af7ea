"""The office: one whole cut to signed vintages, under one bundle.

Rules (delivery, rules 8 and 10; docs/data-path.md, "Release"):

- Order of a cut: whole tables, protection, rates from published parts, observations,
  then one manifest a table.
- A period that a provider has not declared is missing, never zero; so is every period
  of a provider that a signed skip left out.
- A cell below zero is a fault: it is counted aloud and shown nowhere.
- A vintage stands once (:mod:`hub.core.release.once`); what may not go out is answered
  with a notice to the operator, and nothing of the cut is published.
- Figures drawn under another secret or other numbers than those before them, of the
  same period or the one before, are marked as a break.

State: see :mod:`hub.core.release.collect` and :mod:`hub.core.release.ledger`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from hub.core import cut, observation
from hub.core.bundle import Bundle
from hub.core.catalogue.model import Measure, Table
from hub.core.disclosure import rules
from hub.core.disclosure.figures import ABSENT, BREAK, INTERNAL, Figure, Place
from hub.core.disclosure.protect import protect
from hub.core.errors import InvalidError
from hub.core.indicators import timeline
from hub.core.keys import SigningKey
from hub.core.log import Send
from hub.core.period import parse
from hub.core.release import (
    assemble,
    collect,
    components,
    drafts,
    gates,
    inventory,
    ledger,
    once,
    publish,
    utility,
)
from hub.core.release.collect import Waiting
from hub.core.release.utility import Utility
from hub.core.stage import Series
from hub.core.state import Overlay
from hub.core.topics import VINTAGES, facts_topic

Figures = dict[Place, Figure]


class Office:
    """What releases cuts of one bundle."""

    def __init__(self, bundle: Bundle, *, secret: bytes, signer: SigningKey) -> None:
        catalogue = bundle.catalogue
        self._catalogue = catalogue
        self._undone = frozenset(bundle.skips.undone)
        self._secret = secret
        self._signer = signer
        self._rules = {n: rules.read(one) for n, one in catalogue.policies.items()}
        self._epochs = {
            n: rules.epoch(one, secret) for n, one in catalogue.policies.items()
        }
        for table in catalogue.tables.values():
            if table.policy not in self._rules:
                text = f"its policy {table.policy!r} is not in the catalogue"
                raise InvalidError(f"table {table.id}: {text}")
            rules.check(table, self._rules[table.policy])
        wanted = catalogue.calendar.approval
        if wanted and not drafts.approver(catalogue):
            raise InvalidError(f"calendar.toml: approval = {wanted!r} is no member")

    def missing(self, overlay: Overlay, waiting: Waiting) -> tuple[str, ...]:
        """The facts partitions that a cut needs and that are not complete."""
        close = waiting.close
        wanted = cut.sources(self._catalogue, close)
        missing = wanted - collect.arrived(overlay, close.marker)
        return tuple(sorted(f"{facts_topic(domain)}/{n}" for domain, n in missing))

    @property
    def approved(self) -> bool:
        """Whether a release needs somebody's word."""
        return bool(self._catalogue.calendar.approval)

    def refusal(self, overlay: Overlay, waiting: Waiting) -> str:
        """Why a cut may not be released; empty if it may."""
        return once.refusal(overlay, self._catalogue, self._undone, waiting.close)

    def refuse(self, waiting: Waiting, reason: str, counts: Counter[Series]) -> Send:
        """Tell the operator that nothing of a cut is published, and why."""
        counts["cuts_refused_total", ()] += 1
        return publish.notice_send(waiting.close, self._signer, reason=reason)

    def draft(self, overlay: Overlay, waiting: Waiting) -> Send:
        """Work a cut out, keep it for its approval, and tell the operator of it."""
        seen = self._seen(overlay, waiting)
        drafts.keep(overlay, waiting, drafts.digest(seen))
        return publish.notice_send(waiting.close, self._signer, manifests=seen)

    def let_out(
        self,
        overlay: Overlay,
        waiting: Waiting,
        seen: bytes,
        at_ms: int,
        counts: Counter[Series],
    ) -> list[Send]:
        """Publish a draft as it was seen, dated by its approval; or say why not."""
        reason = self.refusal(overlay, waiting)
        if not reason and drafts.digest(self._seen(overlay, waiting)) != seen:
            reason = (
                "other figures were published since, so these are no longer those that"
                " were approved; make the draft again"
            )
        if reason:
            return [self.refuse(waiting, reason, counts)]
        dated = replace(waiting.close, created_ms=at_ms)
        return self.release(overlay, replace(waiting, close=dated), counts)

    def _seen(self, overlay: Overlay, waiting: Waiting) -> list[bytes]:
        """The manifests of a cut, worked out on a state that is then thrown away."""
        sends = self.release(Overlay(overlay), waiting, Counter())
        values = [one.value for one in sends if one.topic == VINTAGES]
        return [drafts.bare(observation.decode(one)) for one in values if one]

    def release(
        self, overlay: Overlay, waiting: Waiting, counts: Counter[Series]
    ) -> list[Send]:
        """All tables of a whole cut."""
        close = waiting.close
        once.write(overlay, self._catalogue, close)
        quality: dict[str, Utility] = {}
        done = self._figures(overlay, waiting, quality)
        sends: list[Send] = []
        manifests: list[Send] = []
        for name in cut.published(self._catalogue, close):
            table = self._catalogue.tables[name]
            found = publish.observations(self._catalogue, table, close, done[name])
            sends += publish.figure_sends(table, found)
            manifest = publish.manifest(
                self._catalogue,
                table,
                close,
                found,
                quality=quality.get(name, utility.NOTHING),
                signer=self._signer,
            )
            manifests.append(publish.manifest_send(manifest))
            if not self._quiet(table):
                counts.update(_outcomes(done[name]))
        counts["vintages_total", ()] += len(manifests)
        faults = sum(
            one.conf == INTERNAL
            for figures in done.values()
            for one in figures.values()
        )
        if faults:
            counts["negative_cells_total", ()] += faults
        return sends + manifests

    def _figures(
        self, overlay: Overlay, waiting: Waiting, quality: dict[str, Utility]
    ) -> dict[str, Figures]:
        """Figures of every table the cut needs, parts before what is made of them."""
        close = waiting.close
        rows = collect.rows_of(overlay, close.marker)
        by_table = {str(key[0]): part for key, part in rows.group_by("table")}
        declarations = {
            name: assemble.totals(
                self._catalogue.tables[name], by_table.get(name, rows.clear())
            )
            for name in cut.DECLARED.values()
        }
        done: dict[str, Figures] = {}
        for name in cut.needed(self._catalogue, close):
            table = self._catalogue.tables[name]
            periods = timeline.inside(close.period, table.frequency)
            match table.measure:
                case Measure.RATE | Measure.RATIO:
                    done[name] = components.quotient(
                        self._catalogue, table, done, periods
                    )
                case Measure.COMPLETENESS:
                    done[name] = inventory.completeness(
                        self._catalogue, table, done, periods
                    )
                case Measure.DISAGGREGATION:
                    done[name] = inventory.disaggregation(self._catalogue, periods)
                case _:
                    part = by_table.get(name, rows.clear())
                    done[name], quality[name] = self._counted(
                        overlay, table, part, waiting, declarations
                    )
        return done

    def _counted(
        self,
        overlay: Overlay,
        table: Table,
        rows: pl.DataFrame,
        waiting: Waiting,
        declarations: gates.Declarations,
    ) -> tuple[Figures, Utility]:
        """Figures of a table with a dataflow, and how good they are."""
        close = waiting.close
        periods = timeline.inside(close.period, table.frequency)
        stock = table.measure is Measure.STOCK
        reach = {str(parse(period).previous) for period in periods} | set(periods)
        record = ledger.read(overlay, table.id, None if stock else sorted(reach))
        found = assemble.assemble(
            self._catalogue, table, rows, periods, record.past.sets
        )
        gone = {
            period
            for period in periods
            if not gates.delivered(
                self._catalogue,
                table,
                period,
                declarations,
                close.vintage,
                absent=waiting.absent,
            )
        }
        held = {
            place: cell for place, cell in found.items() if place.period not in gone
        }
        rule, epoch = self._rules[table.policy], self._epochs[table.policy]
        figures = protect(table, rule, held, record.past, self._secret)
        figures |= dict.fromkeys(
            (place for place in found if place.period in gone), ABSENT
        )
        seen = assemble.visible(self._catalogue, table, figures, record.seen)
        ledger.write(overlay, table.id, figures, record, seen=seen, epoch=epoch)
        broken = {
            period
            for period in periods
            if {epoch, *ledger.epochs_at(record, period)} != {epoch}
        }
        marked = {
            place: replace(figure, mark=BREAK) if place.period in broken else figure
            for place, figure in seen.items()
        }
        return marked, utility.report(table, rule, marked, held)

    def _quiet(self, table: Table) -> bool:
        """Whether how many figures there are is itself a secret."""
        flows = self._catalogue.dataflows
        tables = self._catalogue.tables
        parts = [table, *(tables[one.table] for one in cut.components_of(table))]
        named = [part.dataflow for part in parts if part.dataflow is not None]
        return any(flows[name].quiet for name in named)


def _outcomes(figures: Mapping[Place, Figure]) -> Counter[Series]:
    words = {"": "published", "Q": "suppressed", "O": "missing"}
    named = Counter(words[figure.status] for figure in figures.values())
    return Counter(
        {
            ("observations_total", (("outcome", word),)): number
            for word, number in named.items()
        }
    )
