"""The courier with a real broker: mutual TLS, partitions, positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hub.core.catalogue.model import Catalogue
from hub.core.envelope import format as layout
from hub.core.lanes import partition_of
from hub.edge import kafka
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher import ledger
from hub.publisher.publish import Session

TOPIC = "ministry.sms.border_crossing"


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Settings, Catalogue]]:
    """A hub without agents."""
    settings = Settings(home=Home(root=tmp_path_factory.mktemp("hub")))
    catalogue = read_catalogue()
    plan = Plan(workers={}, quick=True)
    with Supervisor(settings, plan, catalogue=catalogue):
        yield settings, catalogue


@pytest.mark.e2e
def test_batches_arrive_in_their_lane(
    hub: tuple[Settings, Catalogue], tmp_path: Any, crossings: Any
) -> None:
    """Sealed batches stand in order in the lane's partition, and wait for receipts."""
    settings, catalogue = hub
    crossings(35).write_csv(tmp_path / "a.csv")
    with Session.open(settings, catalogue, "sms", batch_rows=10) as session:
        done = session.publish(
            "border_crossing", tmp_path / "a.csv", wait_seconds=1, resend=True
        )
        items = ledger.items(session.spool)
    client = kafka.consumer(settings, "intake")
    partition = partition_of(items[0].lane)
    extent = kafka.extents(client, [(TOPIC, partition)])[TOPIC, partition]
    found = [
        layout.digest(message.value)
        for message in kafka.read(client, TOPIC, partition, extent.start, extent.end)
    ]
    client.close()

    assert (done.waiting, done.notes) == (35, ())
    sent = [item.digest for item in items]
    assert found[-8:] == [*sent, *sent]
