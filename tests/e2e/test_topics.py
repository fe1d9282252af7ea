"""Topics on the real broker: begun once, compared, known again."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from hub.cli.main import main
from hub.core import bundle
from hub.core.catalogue.model import Catalogue
from hub.core.errors import EnvelopeError, InvalidError, LogError
from hub.core.keys import KeyRegistry
from hub.core.log import PARTITIONS_MINISTRY, Incoming
from hub.core.messages import Config, Genesis, decode, verify
from hub.core.topics import VINTAGES, Topic, sources, topics
from hub.edge import enacting, kafka, keyring, layout
from hub.edge import topics as broker
from hub.edge.files import catalogue_folder
from hub.embedded.supervisor import Supervisor

pytestmark = pytest.mark.e2e


@pytest.fixture
def author(bare_hub: Supervisor, catalogue: Catalogue) -> broker.Author:
    """Control, with the bundle in force."""
    root = bare_hub.home.root
    return broker.Author(
        key=keyring.control(root).control,
        bundle=bundle.digest(catalogue, keyring.registry(root)),
        now_ms=time.time_ns() // 1_000_000,
    )


@pytest.fixture
def registry(bare_hub: Supervisor) -> KeyRegistry:
    """The public keys of the hub."""
    return keyring.registry(bare_hub.home.root)


def first(hub: Supervisor, topic: str, partition: int, count: int) -> list[Incoming]:
    """The first messages of a partition."""
    with kafka.consumer(hub.settings, "admin") as reader:
        return list(kafka.read(reader, topic, partition, 0, count))


def delete(client: KafkaAdminClient, name: str) -> None:
    """Delete a topic and wait until no answer of the broker lists it."""
    client.delete_topics([name])
    deadline = time.monotonic() + 30
    while any(topic["name"] == name for topic in client.describe_topics()):
        assert time.monotonic() < deadline, "the topic does not go"
        time.sleep(0.1)


def test_applying_again_changes_nothing(
    bare_hub: Supervisor, catalogue: Catalogue, author: broker.Author
) -> None:
    """A second run makes, permits and begins nothing."""
    changes = broker.apply(bare_hub.settings, catalogue, author)

    assert changes == broker.Changes(
        topics=(), changed=(), permitted=(), withdrawn=(), begun=0
    )


def test_every_log_begins_with_its_signed_genesis(
    bare_hub: Supervisor, catalogue: Catalogue, registry: KeyRegistry
) -> None:
    """Both partitions say the same uuid, their own number, and the frozen count."""
    topic, _ = sources(catalogue, "MOBILITY")[0]
    found = []
    for partition in range(PARTITIONS_MINISTRY):
        genesis, config = (
            decode(one.value) for one in first(bare_hub, topic, partition, 2)
        )
        assert isinstance(genesis, Genesis)
        assert isinstance(config, Config)
        for message in (genesis, config):
            verify(message, registry.authority(message.key_id, "control"))
        found.append(genesis)

    assert [genesis.partition for genesis in found] == [0, 1]
    assert {genesis.partitions for genesis in found} == {2}
    assert {genesis.topic for genesis in found} == {topic}
    assert len({genesis.log for genesis in found}) == 1
    assert {genesis.catalogue for genesis in found} == {catalogue.digest}


def test_indicator_topics_begin_without_a_value(bare_hub: Supervisor) -> None:
    """Their genesis stands in a header: readers of Confluent's format see a null."""
    with kafka.consumer(bare_hub.settings, "admin") as reader:
        record = next(kafka.records(reader, VINTAGES, 0, 0, 1))
    genesis = decode(dict(record.headers)["genesis"])

    assert record.value is None
    assert isinstance(genesis, Genesis)
    assert genesis.topic == VINTAGES


def test_logs_are_known_by_their_genesis(
    bare_hub: Supervisor, catalogue: Catalogue, registry: KeyRegistry
) -> None:
    """Each stage learns the uuids of its inputs, all different, and no other's."""
    names = sorted({topic for topic, _ in sources(catalogue, "NONE")})
    found = broker.logs(bare_hub.settings, "intake", names, registry)

    assert list(found) == names
    assert len(set(found.values())) == len(names)
    with pytest.raises((LogError, InvalidError)):
        broker.logs(bare_hub.settings, "dedupe", names, registry)


def test_a_genesis_by_an_unknown_key_is_refused(bare_hub: Supervisor) -> None:
    """Without control's public key no log is believed."""
    with pytest.raises((LogError, EnvelopeError)):
        broker.logs(bare_hub.settings, "release", ["hub.cells"], KeyRegistry(keys={}))


def test_a_topic_made_again_is_another_log(
    bare_hub: Supervisor,
    catalogue: Catalogue,
    author: broker.Author,
    registry: KeyRegistry,
) -> None:
    """Deleting and re-creating a topic gives its log another uuid."""
    before = broker.logs(bare_hub.settings, "release", [VINTAGES], registry)
    with kafka.admin(bare_hub.settings) as client:
        delete(client, VINTAGES)
    changes = broker.apply(bare_hub.settings, catalogue, author)
    after = broker.logs(bare_hub.settings, "release", [VINTAGES], registry)

    assert changes.topics == (VINTAGES,)
    assert changes.begun == 1
    assert before != after


def test_a_run_that_broke_off_is_completed(
    bare_hub: Supervisor,
    catalogue: Catalogue,
    author: broker.Author,
    registry: KeyRegistry,
) -> None:
    """A topic of which only the first partition had begun keeps its uuid."""
    name, _ = sources(catalogue, "MOBILITY")[0]
    settings = bare_hub.settings
    topic = next(topic for topic in topics(catalogue) if topic.name == name)
    with kafka.admin(settings) as client:
        delete(client, name)
        layout.create(client, catalogue)
        ids = layout.identities(client, [one.name for one in topics(catalogue)])
    broken = broker._genesis(topic, 0, catalogue, author, ids[name])
    broker._write(settings, [broken])

    assert broker.begin(settings, catalogue, author, ids) == 3
    assert broker.begin(settings, catalogue, author, ids) == 0
    logs = [decode(first(bare_hub, name, one, 1)[0].value) for one in (0, 1)]
    assert isinstance(logs[0], Genesis)
    assert isinstance(logs[1], Genesis)
    assert logs[0].log == logs[1].log == ids[name]
    assert broker.logs(settings, "intake", [name], registry) == {name: ids[name]}


def test_a_new_bundle_is_put_in_force_everywhere(
    bare_hub: Supervisor, catalogue: Catalogue, author: broker.Author
) -> None:
    """Every ministry partition ends with a config record that names the bundle."""
    places = sources(catalogue, "NONE")
    changed = replace(author, bundle=bytes(range(32)))

    assert broker.configure(bare_hub.settings, catalogue, changed) == len(places)
    with kafka.consumer(bare_hub.settings, "admin") as reader:
        for place, extent in kafka.extents(reader, places).items():
            (last,) = kafka.read(reader, *place, extent.end - 1, extent.end)
            message = decode(last.value)
            assert isinstance(message, Config)
            assert message.bundle == changed.bundle


def test_a_frozen_count_stops_everything(
    bare_hub: Supervisor, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic with another number of partitions is named, and nothing is made."""
    wanted = [
        replace(topic, partitions=9) if topic.name == "hub.cells" else topic
        for topic in topics(catalogue)
    ]
    wanted.append(Topic(name="hub.new", partitions=1, retention_ms=-1))
    monkeypatch.setattr(layout, "topics", lambda _: wanted)

    with kafka.admin(bare_hub.settings) as client:
        with pytest.raises(LogError, match=r"hub\.cells has 1 partitions.*9"):
            layout.create(client, catalogue)
        assert "hub.new" not in client.list_topics()


def test_settings_in_the_broker_are_ours(
    bare_hub: Supervisor, catalogue: Catalogue
) -> None:
    """Every topic has the settings core asks for; one changed by hand is set back."""
    wanted = {topic.name: topic.config for topic in topics(catalogue)}
    changed = ConfigResource(
        ConfigResourceType.TOPIC, "hub.cells", {"message.timestamp.type": "CreateTime"}
    )
    with kafka.admin(bare_hub.settings) as client:
        client.alter_configs([changed])
        _, mended = layout.create(client, catalogue)
        found = client.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted],
            config_filter="all",
        )["topic"]

    assert mended == ("hub.cells",)
    assert {
        name: {key: found[name][key]["value"] for key in config}
        for name, config in wanted.items()
    } == wanted


def test_a_lost_range_is_said(bare_hub: Supervisor) -> None:
    """Reading what the log does not hold is an error, never an empty answer."""
    with kafka.consumer(bare_hub.settings, "admin") as reader, pytest.raises(LogError):
        list(kafka.read(reader, "hub.cells", 0, 1_000_000, 1_000_001))


def test_a_table_whose_past_is_gone_is_refused_by_every_way(
    bare_hub: Supervisor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever puts bundles in force looks at the logs, and nothing is written."""
    declared = tmp_path / "catalogue"
    shutil.copytree(catalogue_folder(), declared)
    text = (declared / "tables" / "XNG_EVT.toml").read_text("utf-8")
    text = text.replace('id = "XNG_EVT"', 'id = "XNG_NEW"')
    (declared / "tables" / "XNG_NEW.toml").write_text(text, "utf-8")
    settings = replace(bare_hub.settings, catalogue=declared)
    wanted = enacting.plan(settings)
    topic, _ = next(iter(enacting.past(settings, wanted)))
    with kafka.admin(settings) as client:
        client.delete_records({TopicPartition(topic, 1): 1})
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert wanted.change.young == ("XNG_NEW",)
    with pytest.raises(InvalidError, match=f"{topic}/1 begins at offset 1"):
        enacting.enact(settings)
    for words in (["topics", "bundle", "--apply"], ["catalogue", "apply"]):
        assert main([*words, "--json"]) == 1
        assert "the past of new tables is gone" in capsys.readouterr().out
    newest = enacting.library(settings).newest()
    assert newest is not None
    assert wanted.before is not None
    assert newest.digest == wanted.before.digest
