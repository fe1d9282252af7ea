"""Topics: they follow from the catalogue and from nothing else.

Rules (design: the way of one record; embedded default):

- Names carry a member's short id, a dataflow, a domain or a table; nothing personal.
- Partition counts are frozen here; growth is a new generation replayed beside the old.
- Every topic is stamped with the broker's append time, so time is in the log.

Who may read and write them is said in :mod:`hub.core.access`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.core.catalogue.model import Catalogue, Domain, Member
from hub.core.errors import CatalogueError
from hub.core.log import PARTITIONS_FACTS, PARTITIONS_MINISTRY, PARTITIONS_ONE

CELLS = "hub.cells"
TRAIL = "hub.trail"
NOTICES = "hub.notices"
"""What release says to the operator alone: refusals and drafts."""
VINTAGES = "indicators.vintages"
INDICATORS = "indicators."
NAMESPACES = (
    "ministry.",
    "receipts.",
    "quarantine.",
    "statements.",
    "hub.",
    INDICATORS,
)
"""What the name of every topic of a hub starts with."""

MESSAGE_BYTES_MAX = 9 * 1024 * 1024
"""Largest message of any topic: 8 MB of content and room for what wraps it."""

_DAY_MS = 86_400_000
SEGMENT_MS = 7 * _DAY_MS
"""Brokers delete whole segments: so much later than its time a message goes."""

_EVIDENCE_DAYS = 1_095  # receipts and statements: three years to settle a dispute
_QUARANTINE_DAYS = 92  # a quarter to mend rows; they hold a ministry's own content
_CELLS_DAYS = 3_653  # ten years of cuts: enough to explain any published vintage
_FOREVER_MS = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic as it must exist.

    Attributes:
        retention_ms: How long messages are kept; -1 for ever.
    """

    name: str
    partitions: int
    retention_ms: int

    @property
    def config(self) -> dict[str, str]:
        """Topic settings in Kafka's words."""
        return {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MESSAGE_BYTES_MAX),
            "retention.ms": str(self.retention_ms),
            "segment.ms": str(SEGMENT_MS),
        }


def ministry_topic(member: str, dataflow: str) -> str:
    """Topic of the sealed batches of one provider and dataflow."""
    return f"ministry.{member}.{dataflow}"


def parse_ministry(topic: str) -> tuple[str, str]:
    """Member id and dataflow of a ministry topic."""
    kind, member, dataflow = topic.split(".")
    if kind != "ministry":
        raise ValueError(topic)
    return member, dataflow


def records_topic(domain: Domain | str) -> str:
    """Topic of pseudonymised rows of a linkage domain."""
    return f"hub.records.{domain}"


def facts_topic(domain: Domain | str) -> str:
    """Topic of changes of resolved persons of a linkage domain."""
    return f"hub.facts.{domain}"


def receipts_topic(member: str) -> str:
    """Topic of the receipts of one member."""
    return f"receipts.{member}"


def quarantine_topic(member: str) -> str:
    """Topic of the refused rows of one member, sealed to it."""
    return f"quarantine.{member}"


def statements_topic(member: str) -> str:
    """Topic of the daily statements of one member, sealed to it."""
    return f"statements.{member}"


def indicator_topic(table: str) -> str:
    """Topic of the published observations of one table."""
    return f"{INDICATORS}{table}"


def topics(catalogue: Catalogue) -> list[Topic]:
    """Every topic of a hub, in the order they are made."""
    return [
        *(
            Topic(
                name=ministry_topic(member.id, flow),
                partitions=PARTITIONS_MINISTRY,
                retention_ms=catalogue.dataflows[flow].retention_days * _DAY_MS,
            )
            for member in providers(catalogue)
            for flow in member.provides
        ),
        *_member_topics(catalogue),
        *_internal_topics(catalogue),
        *_indicator_topics(catalogue),
    ]


def _member_topics(catalogue: Catalogue) -> list[Topic]:
    return [
        Topic(name=name(member.id), partitions=PARTITIONS_ONE, retention_ms=kept)
        for member in providers(catalogue)
        for name, kept in (
            (receipts_topic, _EVIDENCE_DAYS * _DAY_MS),
            (quarantine_topic, _QUARANTINE_DAYS * _DAY_MS),
            (statements_topic, _EVIDENCE_DAYS * _DAY_MS),
        )
    ]


def _internal_topics(catalogue: Catalogue) -> list[Topic]:
    kept = {domain: _domain_days(catalogue, domain) * _DAY_MS for domain in Domain}
    return [
        *(
            Topic(
                name=records_topic(domain),
                partitions=PARTITIONS_ONE,
                retention_ms=kept[domain],
            )
            for domain in Domain
        ),
        *(
            Topic(
                name=facts_topic(domain),
                partitions=PARTITIONS_FACTS,
                retention_ms=kept[domain],
            )
            for domain in Domain
        ),
        Topic(
            name=CELLS, partitions=PARTITIONS_ONE, retention_ms=_CELLS_DAYS * _DAY_MS
        ),
        *(
            Topic(name=name, partitions=PARTITIONS_ONE, retention_ms=_FOREVER_MS)
            for name in (TRAIL, NOTICES)
        ),
    ]


def _indicator_topics(catalogue: Catalogue) -> list[Topic]:
    tables = [table.id for table in catalogue.tables.values() if not table.internal]
    if any(indicator_topic(table) == VINTAGES for table in tables):
        raise CatalogueError(f"tables: the id {VINTAGES!r} is taken by the manifests")
    return [
        Topic(name=name, partitions=PARTITIONS_ONE, retention_ms=_FOREVER_MS)
        for name in (*map(indicator_topic, tables), VINTAGES)
    ]


def _domain_days(catalogue: Catalogue, domain: Domain) -> int:
    """Rows must not outlive the sealed batches they came from."""
    return max(
        (
            flow.retention_days
            for flow in catalogue.dataflows.values()
            if flow.domain == domain
        ),
        default=_EVIDENCE_DAYS,
    )


def quiet(catalogue: Catalogue) -> frozenset[str]:
    """Topics whose number of messages is nobody's business."""
    flows = [flow for flow in catalogue.dataflows.values() if flow.quiet]
    return frozenset(
        name
        for flow in flows
        for name in (
            *(
                ministry_topic(member.id, flow.id)
                for member in providers(catalogue)
                if flow.id in member.provides
            ),
            records_topic(flow.domain),
            facts_topic(flow.domain),
        )
    )


def providers(catalogue: Catalogue) -> list[Member]:
    """Members that may publish, in catalogue order."""
    return [member for member in catalogue.members.values() if member.provides]


def sources(catalogue: Catalogue, domain: Domain | str) -> list[tuple[str, int]]:
    """Ministry partitions that feed a domain.

    NONE is fed by all of them: a declaration may stand in any lane.
    """
    return [
        (ministry_topic(member.id, flow), partition)
        for member in providers(catalogue)
        for flow in member.provides
        if domain in (Domain.NONE, catalogue.dataflows[flow].domain)
        for partition in range(PARTITIONS_MINISTRY)
    ]
