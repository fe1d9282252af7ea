"""Brokers: clients with mutual TLS, every wait bounded.

Rules (design: delivery, rules 2 and 7):

- One certificate a principal, from the folder ``pki``; no certificate, no client.
- A message counts as sent when every replica has it (`acks=all`, idempotent).
- The partition is always explicit: it was computed in core.
- Reading is by offset and never by group: nobody's position moves because we looked.
- A broker that does not answer is :class:`RetriableError`; a log that lost the range
  asked for is :class:`LogError`; a certificate that is missing, :class:`MachineError`.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    KafkaError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

from hub.core.errors import (
    InvalidError,
    LogError,
    MachineError,
    RetriableError,
    UsageError,
)
from hub.core.log import Incoming, Send
from hub.core.topics import MESSAGE_BYTES_MAX
from hub.edge.settings import Home, Settings

REACH_SECONDS_MAX = 3
CONNECT_SECONDS_MAX = 15
REQUEST_SECONDS_MAX = 20
SEND_SECONDS_MAX = 60
SILENCE_SECONDS_MAX = 30
"""A read that brings nothing for so long while something must come is given up."""

FETCH_BYTES_MAX = MESSAGE_BYTES_MAX + 65_536
"""One message of the largest size, with what the broker puts around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Where the broker put one message, and its append time."""

    topic: str
    partition: int
    offset: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """First offset still kept and next offset to be written of one partition."""

    start: int
    end: int


def context(home: Home, principal: str) -> ssl.SSLContext:
    """TLS as `principal`: its own certificate, and the hub's authority only."""
    own, authority = home.pki / f"{principal}.pem", home.pki / "ca.pem"
    for path in (authority, own):
        if not path.exists():
            raise MachineError(
                f"no certificate {path}: `kerwen up` makes those of the embedded "
                "hub, a deployment's custodians those of its members"
            )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        tls.load_verify_locations(cafile=str(authority))
        tls.load_cert_chain(str(own))
    except (ssl.SSLError, OSError) as error:
        raise MachineError(f"{own} cannot be used for TLS: {error}") from error
    return tls


def producer(settings: Settings, principal: str) -> KafkaProducer:
    """A producer that counts a message as sent when it cannot be lost."""
    with _broker_errors(settings):
        return KafkaProducer(
            **_connection(settings, principal),
            acks="all",
            enable_idempotence=True,
            max_request_size=MESSAGE_BYTES_MAX,
            max_block_ms=CONNECT_SECONDS_MAX * 1000,
            delivery_timeout_ms=SEND_SECONDS_MAX * 1000,
            allow_auto_create_topics=False,
        )


def consumer(
    settings: Settings,
    principal: str,
    *,
    group: str | None = None,
    reset: str = "none",
    fetch_bytes: int = FETCH_BYTES_MAX,
) -> KafkaConsumer:
    """A consumer; without `group` it can only be told what to read.

    Args:
        settings: Where to connect.
        principal: Whose certificate.
        group: Consumer group; must start with the principal's own prefix.
        reset: ``earliest`` or ``latest`` where a group has no position yet.
        fetch_bytes: Most to take from one partition at once; never less than one batch.
    """
    with _broker_errors(settings):
        return KafkaConsumer(
            **_connection(settings, principal),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset=reset,
            max_partition_fetch_bytes=fetch_bytes,
            allow_auto_create_topics=False,
            # Groups are joined for hours; look often for topics that are new.
            metadata_max_age_ms=30_000,
        )


def admin(settings: Settings, principal: str = "admin") -> KafkaAdminClient:
    """An admin client; with another principal it sees what that one may see."""
    with _broker_errors(settings):
        return KafkaAdminClient(**_connection(settings, principal))


def _connection(settings: Settings, principal: str) -> dict[str, Any]:
    brokers = settings.brokers().split(",")
    _reach(brokers)
    return {
        "bootstrap_servers": brokers,
        "client_id": f"kerwen-{principal}",
        "security_protocol": "SSL",
        "ssl_context": context(settings.home, principal),
        "bootstrap_timeout_ms": CONNECT_SECONDS_MAX * 1000,
        "request_timeout_ms": REQUEST_SECONDS_MAX * 1000,
        "reconnect_backoff_max_ms": 1_000,
    }


def _reach(brokers: list[str]) -> None:
    """Find out at once that nobody is there; the client would try on and on.

    It also leaves a socket open with every try.
    """
    for broker in brokers:
        host, _, port = broker.strip().rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(f"KERWEN_BOOTSTRAP: {broker!r} is not host:port")
        with (
            suppress(OSError),
            socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS_MAX),
        ):
            return
    raise RetriableError(f"brokers at {','.join(brokers)} do not answer")


def answers(home: Home, principal: str, address: str, seconds: float) -> bool:
    """Whether a broker speaks with us: one that hangs is connected to all the same.

    Without a certificate it is only connected to.
    """
    host, _, port = address.strip().rpartition(":")
    name = host.strip("[]")
    try:
        tls = context(home, principal)
    except MachineError:
        tls = None
    try:
        with socket.create_connection((name, int(port)), seconds) as plain:
            if tls is not None:
                tls.wrap_socket(plain, server_hostname=name).close()
            return True
    except (OSError, ValueError):
        return False


@contextmanager
def _broker_errors(settings: Settings) -> Iterator[None]:
    try:
        yield
    except TopicAuthorizationFailedError as error:
        raise InvalidError(f"the broker denies access: {error}") from error
    except KafkaError as error:
        raise RetriableError(
            f"brokers at {settings.brokers()} do not answer: {type(error).__name__}"
        ) from error


def send_all(client: KafkaProducer, sends: Iterable[Send]) -> list[Ack]:
    """Send messages and wait until every one is acknowledged; in order.

    Raises:
        RetriableError: an acknowledgement did not come; messages may have arrived.
        InvalidError: this principal may not write there.
    """
    wanted = list(sends)
    try:
        _learn(client, {send.topic for send in wanted})
        futures = [
            client.send(
                send.topic,
                value=send.value,
                key=send.key,
                headers=list(send.headers),
                partition=send.partition,
            )
            for send in wanted
        ]
        client.flush(SEND_SECONDS_MAX)
        results = [future.get(timeout=SEND_SECONDS_MAX) for future in futures]
    except TopicAuthorizationFailedError as error:
        raise InvalidError(f"the broker denies writing: {error}") from error
    except KafkaError as error:
        raise RetriableError(
            f"sending was not acknowledged: {type(error).__name__}: {error}"
        ) from error
    return [
        Ack(
            topic=result.topic,
            partition=result.partition,
            offset=result.offset,
            time_ms=result.timestamp,
        )
        for result in results
    ]


def _learn(client: KafkaProducer, topics: set[str]) -> None:
    """Get to know many topics at once.

    The client learns one unknown topic a request and waits 100 ms between requests:
    five seconds for fifty topics. Asked from several threads, it learns them together.
    """
    if len(topics) > 1:
        with ThreadPoolExecutor(min(len(topics), 64)) as pool:
            list(pool.map(client.partitions_for, topics))


def extents(
    client: KafkaConsumer, partitions: Iterable[tuple[str, int]]
) -> Mapping[tuple[str, int], Extent]:
    """First and next offsets of partitions, two requests for all of them."""
    wanted = [TopicPartition(*partition) for partition in partitions]
    timeout_ms = REQUEST_SECONDS_MAX * 1000
    try:
        starts = client.beginning_offsets(wanted, timeout_ms=timeout_ms)
        ends = client.end_offsets(wanted, timeout_ms=timeout_ms)
    except TopicAuthorizationFailedError as error:
        raise InvalidError(f"the broker denies access: {error}") from error
    except KafkaError as error:
        raise RetriableError(f"offsets cannot be had: {error}") from error
    return {
        (one.topic, one.partition): Extent(start=starts[one], end=ends[one])
        for one in wanted
    }


def read(
    client: KafkaConsumer, topic: str, partition: int, start: int, end: int
) -> Iterator[Incoming]:
    """Messages of one partition from offset `start` to before `end`.

    Tombstones come as empty values; their headers are for :func:`records`.
    """
    for record in records(client, topic, partition, start, end):
        yield Incoming(
            offset=record.offset,
            time_ms=record.timestamp,
            value=record.value or b"",
        )


def records(
    client: KafkaConsumer, topic: str, partition: int, start: int, end: int
) -> Iterator[Any]:
    """Like :func:`read`, with keys and headers, as the library's records.

    Raises:
        LogError: the log no longer holds offset `start`.
        RetriableError: nothing comes although `end` is not reached.
    """
    wanted = TopicPartition(topic, partition)
    client.assign([wanted])
    client.seek(wanted, start)
    position = start
    heard = time.monotonic()
    while position < end:
        for record in _poll(client, wanted):
            if record.offset >= end:
                return
            yield record
            heard = time.monotonic()
        moved = client.position(wanted, timeout_ms=REQUEST_SECONDS_MAX * 1000)
        if moved == position and time.monotonic() - heard > SILENCE_SECONDS_MAX:
            raise RetriableError(
                f"{topic}/{partition}: nothing after offset {position}, "
                f"{end} was expected"
            )
        position = moved


def _poll(client: KafkaConsumer, wanted: TopicPartition) -> list[Any]:
    try:
        return list(client.poll(timeout_ms=1_000).get(wanted, ()))
    except OffsetOutOfRangeError as error:
        raise LogError(
            f"{wanted.topic}/{wanted.partition}: the log does not hold the offset "
            "asked for; it was truncated, re-created or its retention is over"
        ) from error
    except TopicAuthorizationFailedError as error:
        raise InvalidError(f"the broker denies reading: {error}") from error
    except KafkaError as error:
        raise RetriableError(f"reading stopped: {type(error).__name__}") from error
