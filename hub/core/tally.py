"""What intake counts: rows and envelopes by ministry, dataflow, outcome and reason.

Rules (design: delivery, rule 13; envelope, quiet dataflows):

- Rows published = accepted + quarantined + rows of duplicate batches.
- Of a quiet dataflow only whether batches were well or refused is counted, no rows.
"""

from __future__ import annotations

from collections import Counter

from hub.core.messages import Receipt
from hub.core.rulebook import Address
from hub.core.stage import Series


class Tally:
    """Counts of one step about one ministry partition.

    Attributes:
        address: Whose partition it is, under the bundle in force.
    """

    address: Address

    def __init__(self) -> None:
        self.counts: Counter[Series] = Counter()

    def take(
        self,
        name: str,
        outcome: str,
        reason: str = "",
        amount: int = 1,
        flow: str = "",
    ) -> None:
        """Count `amount` of a metric; `flow` where it is not the partition's own."""
        own = self.address.records.flow
        if own.quiet:
            outcome, reason = "refused" if outcome == "refused" else "ok", ""
        labels = {
            "dataflow": flow or own.id,
            "ministry": self.address.member.id,
            "outcome": outcome,
            "reason": reason,
        }
        self.counts[name, tuple(labels.items())] += amount

    def rows(self, outcome: str, reason: str, rows: int, flow: str) -> None:
        """Count rows of a dataflow."""
        if rows and not self.address.records.flow.quiet:
            self.take("rows_total", outcome, reason, rows, flow)

    def duplicate(self, receipt: Receipt) -> None:
        """Count a batch that came again, by its first receipt."""
        rows = receipt.accepted + sum(rows for _, rows in receipt.refused)
        self.take("envelopes_total", "duplicate")
        self.rows("duplicate", "", rows, receipt.dataflow)
