"""Whether every state could be built again: does each log reach back far enough?

Rules (design: delivery, rule 11):

- A log that begins at offset 0 is whole: whatever is lost is read from the start.
- One whose head went with its retention needs a checkpoint from which it goes on: the
  oldest that is kept, because the newest may be the one that is damaged.
- Each stage's own certificate is used; it may see its inputs and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.cli.findings import Finding
from hub.core.access import STAGES
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import HubError
from hub.core.topics import CELLS, facts_topic, records_topic, sources
from hub.core.topics import topics as all_topics
from hub.edge import checkpoints, kafka
from hub.edge.settings import Settings
from hub.edge.state import folder_name

TAKE = "kerwen topics checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What was proved of one hub.

    Attributes:
        whole: Input partitions whose log begins at its genesis.
        kept: Those that go on from their oldest checkpoint.
    """

    whole: int
    kept: int
    findings: tuple[Finding, ...]


def look(settings: Settings, catalogue: Catalogue) -> Reach:
    """Compare the start of every log with what is kept of its states."""
    whole = kept = 0
    findings: list[Finding] = []
    for stage in STAGES:
        places = inputs(catalogue, stage)
        try:
            with kafka.consumer(settings, stage) as client:
                extents = kafka.extents(client, places)
        except HubError as error:
            findings.append(
                Finding(what="log reach", cause=str(error), command="kerwen status")
            )
            continue
        for place in places:
            start = extents[place].start
            found = list(_judge(settings, stage, place, start)) if start else []
            findings += found
            whole += not start
            kept += bool(start) and not found
    return Reach(whole=whole, kept=kept, findings=tuple(findings))


def inputs(catalogue: Catalogue, stage: str) -> list[tuple[str, int]]:
    """The partitions a stage reads."""
    if stage == "intake":
        return sources(catalogue, Domain.NONE)
    names = {
        "dedupe": {records_topic(domain) for domain in Domain},
        "aggregate": {facts_topic(domain) for domain in Domain},
        "release": {CELLS},
    }[stage]
    return [
        (topic.name, partition)
        for topic in all_topics(catalogue)
        if topic.name in names
        for partition in range(topic.partitions)
    ]


def _judge(
    settings: Settings, stage: str, place: tuple[str, int], start: int
) -> Iterator[Finding]:
    """Why a state that is lost could not be built again."""
    shelf = settings.shelves / stage / folder_name(*place)
    claimed = checkpoints.claimed(shelf)
    name = f"{place[0]}/{place[1]}"
    if not claimed:
        yield Finding(
            what="log reach",
            cause=f"{name} begins at {start} and {stage} has no checkpoint: a lost "
            "state could not be built again",
            command=TAKE,
        )
    elif claimed[-1] + 1 < start:
        yield Finding(
            what="log reach",
            cause=f"{name} begins at {start}, the oldest checkpoint of {stage} stands "
            f"at {claimed[-1]}: what is between them is gone",
            command=TAKE,
        )
