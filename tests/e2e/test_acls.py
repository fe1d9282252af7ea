"""The whole access table against the real broker: attempts, not configuration.

For every principal, topic and operation the broker's answer to a real request is what
the pure table says. One request an operation carries all topics, and the broker answers
for each of them.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAuthorizationFailedError, for_code
from kafka.protocol.consumer import FetchRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

from hub.core.access import acls, allowed, principals
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError, InvalidError
from hub.core.log import Send
from hub.core.topics import topics
from hub.edge import acls as broker_acls
from hub.edge import kafka
from hub.edge.layout import identities
from hub.edge.settings import Home, Settings
from hub.embedded import pki
from hub.embedded.supervisor import Supervisor

pytestmark = pytest.mark.e2e

STRANGER = "stranger"  # a certificate of our authority, but nobody's name
LAST_WITH_NAMES = {"produce": 12, "fetch": 12}  # later versions speak of topic ids


def described(client: KafkaAdminClient, names: list[str]) -> set[str]:
    """Topics of which the broker shows the metadata."""
    topic = MetadataRequest.MetadataRequestTopic
    request = MetadataRequest(
        topics=[topic(name=name) for name in names], allow_auto_topic_creation=False
    )
    answer = client._manager.run(client._manager.send, request)
    return {one.name for one in answer.topics if permitted(one.error_code)}


def fetched(client: KafkaAdminClient, names: list[str]) -> set[str]:
    """Topics from which the broker gives records."""
    topic = FetchRequest.FetchTopic
    partition = topic.FetchPartition(
        partition=0,
        fetch_offset=0,
        partition_max_bytes=1 << 20,
        current_leader_epoch=-1,
        last_fetched_epoch=-1,
    )
    request = FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=50 << 20,
        isolation_level=0,
        session_id=0,
        session_epoch=-1,
        topics=[topic(topic=name, partitions=[partition]) for name in names],
        forgotten_topics_data=[],
        rack_id="",
        max_version=LAST_WITH_NAMES["fetch"],
    )
    answer = client._manager.run(client._manager.send, request, client_node(client))
    return {
        one.topic
        for one in answer.responses
        if all(permitted(partition.error_code) for partition in one.partitions)
    }


def produced(client: KafkaAdminClient, names: list[str]) -> set[str]:
    """Topics into which the broker takes a record."""
    builder = MemoryRecordsBuilder(2, 0, 1 << 16)
    builder.append(timestamp=0, key=b"test", value=b"not a message", headers=[])
    builder.close()
    topic = ProduceRequest.TopicProduceData
    partition = topic.PartitionProduceData(index=0, records=builder.buffer())
    request = ProduceRequest(
        transactional_id=None,
        acks=-1,
        timeout_ms=10_000,
        topic_data=[topic(name=name, partition_data=[partition]) for name in names],
        max_version=LAST_WITH_NAMES["produce"],
    )
    answer = client._manager.run(client._manager.send, request, client_node(client))
    return {
        one.name
        for one in answer.responses
        if all(permitted(part.error_code) for part in one.partition_responses)
    }


def client_node(client: KafkaAdminClient) -> int:
    """The one broker there is."""
    return int(next(iter(client._manager.cluster.brokers())).node_id)


def permitted(code: int) -> bool:
    """Whether an answer is no denial; anything else than a denial must be success."""
    error = for_code(code)
    if error is TopicAuthorizationFailedError:
        return False
    assert code == 0, error
    return True


ATTEMPTS = {"DESCRIBE": described, "READ": fetched, "WRITE": produced}


@pytest.fixture(scope="module")
def certified(bare_hub: Supervisor) -> Supervisor:
    """The hub, whose authority also signed for a stranger."""
    pki.issue(bare_hub.home, (STRANGER,))
    return bare_hub


def everyone(catalogue: Catalogue) -> Iterator[str]:
    """All who hold a certificate."""
    yield from principals(catalogue)
    yield STRANGER


def test_the_broker_says_what_the_table_says(
    certified: Supervisor, catalogue: Catalogue
) -> None:
    """Every principal, every topic, every operation: 100 % of the table."""
    table = acls(catalogue)
    names = [topic.name for topic in topics(catalogue)]
    wrong = []
    tried = denied = 0
    for principal in everyone(catalogue):
        with kafka.admin(certified.settings, principal) as client:
            for operation, attempt in ATTEMPTS.items():
                expected = {
                    name for name in names if allowed(table, principal, operation, name)
                }
                found = attempt(client, names)
                tried += len(names)
                denied += len(names) - len(found)
                if found != expected:
                    wrong.append((principal, operation, sorted(found ^ expected)))

    assert wrong == []
    assert tried == 3 * len(names) * len(list(everyone(catalogue)))
    assert denied > tried / 2


def test_no_certificate_no_connection(certified: Supervisor) -> None:
    """A client without a certificate does not get as far as a question."""
    tls = ssl.create_default_context(cafile=str(certified.home.pki / "ca.pem"))

    assert not connects(certified, tls)
    assert connects(certified, kafka.context(certified.home, STRANGER))


def test_another_authority_is_refused(certified: Supervisor, tmp_path: Path) -> None:
    """A certificate that says `admin`, signed by somebody else, is no certificate."""
    foreign = Home(root=tmp_path)
    foreign.make()
    pki.issue(foreign, ("admin",))
    tls = ssl.create_default_context(cafile=str(certified.home.pki / "ca.pem"))
    tls.load_cert_chain(foreign.pki / "admin.pem")

    assert not connects(certified, tls)


def connects(hub: Supervisor, tls: ssl.SSLContext) -> bool:
    """Whether a client with this TLS gets an answer from the broker."""
    try:
        with KafkaAdminClient(
            bootstrap_servers=hub.broker.bootstrap,
            security_protocol="SSL",
            ssl_context=tls,
            bootstrap_timeout_ms=2_000,
        ) as client:
            return bool(client.describe_cluster())
    except KafkaError:
        return False


@pytest.mark.parametrize("principal", ["molsp", "iom", "release"])
def test_the_denial_reaches_the_caller(
    certified: Supervisor, catalogue: Catalogue, principal: str
) -> None:
    """Through our own clients, too: a wrong ministry, a member and a later stage."""
    topic = next(f"ministry.sms.{flow}" for flow in catalogue.members["sms"].provides)
    forged = Send(topic=topic, partition=0, key=None, value=b"x")
    settings = certified.settings

    with pytest.raises(HubError), kafka.producer(settings, principal) as client:
        kafka.send_all(client, [forged])
    with kafka.consumer(settings, principal) as reader, pytest.raises(InvalidError):
        kafka.extents(reader, [(topic, 0)])


def test_an_owner_writes_and_intake_reads(
    certified: Supervisor, catalogue: Catalogue
) -> None:
    """A ministry's message arrives at intake as it was sent, with the broker's time."""
    topic = f"ministry.sms.{catalogue.members['sms'].provides[0]}"
    settings = certified.settings
    send = Send(
        topic=topic, partition=1, key=b"k", value=b"sealed", headers=(("h", b"v"),)
    )
    with kafka.producer(settings, "sms") as client:
        acks = kafka.send_all(client, [send] * 3)
    with kafka.consumer(settings, "intake") as reader:
        extent = kafka.extents(reader, [(topic, 1)])[topic, 1]
        first = acks[0].offset
        found = list(kafka.read(reader, topic, 1, first, extent.end))

    assert [message.offset for message in found] == [ack.offset for ack in acks]
    assert {message.value for message in found} == {b"sealed"}
    assert [message.time_ms for message in found] == [ack.time_ms for ack in acks]


def test_a_door_added_by_hand_is_closed(
    certified: Supervisor, catalogue: Catalogue
) -> None:
    """Applying the table again removes what is not in it, and says so."""
    settings: Settings = certified.settings
    with kafka.admin(settings) as client:
        door: Any = broker_acls._entry(acls(catalogue)[0])
        door.principal = f"User:{STRANGER}"
        client.create_acls([door])
        broker_acls._wait_in_force(client, {door}, set())
        added, removed = broker_acls.apply(client, catalogue)
        again = broker_acls.apply(client, catalogue)

    assert added == ()
    assert len(removed) == 1
    assert removed[0].startswith(STRANGER)
    assert again == ((), ())


def test_strangers_do_not_see_topics(
    certified: Supervisor, catalogue: Catalogue
) -> None:
    """Not even the names of topics are shown to who may not use them."""
    del catalogue
    with kafka.admin(certified.settings, STRANGER) as client:
        assert client.list_topics() == []
        with pytest.raises(HubError):
            identities(client, ["hub.cells"])
