"""The frame around Faust: everything that has to be overridden, and why.

Rules (design: delivery, rules 2, 3 and 12; measured with faust-streaming 0.15.3):

- `Consumer.perform_seek` is the one place Faust awaits between an assignment and its
  first record: there the partitions are set to their stored positions. Faust's signal
  `on_partitions_assigned` is no barrier, and it overwrites a seek made in it.
- Faust drops records below a read offset of its own, which a seek back does not reset
  in every order of events. :class:`Blind` takes that memory away; our guard decides.
- Outputs go through a producer of our own: Faust's is not idempotent.
- Faust commits nothing (`noack`); :mod:`agents.group` does, and never crashes.
- A worker that begins waits for the brokers, but not for ever.
- Faust's queue into the client's thread has two workers: two questions that wait for a
  broker would hold up every fetch. :meth:`SeekingConsumer.ask` goes past it.
- Every stop has a deadline that no thread, no broker and no loop can hold up.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from faust.sensors.monitor import Monitor
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

from agents.deadlines import EXIT_HUNG, EXIT_START, EXIT_STOP, exit_after
from hub.core.errors import HubError
from hub.core.log import Send
from hub.core.topics import MESSAGE_BYTES_MAX

T = TypeVar("T")

SESSION_SECONDS = 6
"""The least a broker allows by default: how soon a dead worker is replaced."""

BROKER_SECONDS = 0.5
"""How often a worker that begins looks for the brokers."""

ANSWER_SECONDS, LAST_SECONDS = 5.0, 1.0
"""How long a question to the brokers is waited for; and once the process ends."""

BATCH_BYTES = 1 << 20
FETCH_BYTES = 2 << 20
"""Prefetched a partition; the broker sends a larger message whole all the same."""


class WorkerError(HubError):
    """The reason a worker ends itself; safe to be logged as it stands."""


class Hooks(Protocol):
    """What the frame asks of the runtime; called in the loop of the app."""

    async def assigned(self, partitions: set[TP], generation: int) -> None:
        """Partitions were given to this worker; nothing flows yet."""

    async def revoked(self, partitions: set[TP]) -> None:
        """Partitions are about to be taken away; returns when their states are shut."""

    async def seeks(self, partitions: set[TP]) -> Mapping[TP, int | None]:
        """Where each partition begins; None: hold it back, it is not ready."""

    async def stopping(self) -> None:
        """The worker is about to leave its group."""


class Blind(dict[TP, int | None]):
    """Stands in for Faust's read offsets: remembers none of them."""

    def __getitem__(self, _key: TP) -> int | None:
        return None

    def __setitem__(self, key: TP, value: int | None) -> None:
        pass


class Silent(Monitor):
    """Faust's monitor without its work for every message; our own metrics count."""

    def on_message_in(self, *_args: Any) -> None:
        """Nothing."""

    def on_message_out(self, *_args: Any) -> None:
        """Nothing."""

    def on_stream_event_in(self, *_args: Any) -> None:
        """Nothing."""

    def on_stream_event_out(self, *_args: Any) -> None:
        """Nothing."""


class SeekingConsumer(Consumer):
    """Faust's consumer, told by the runtime where to begin."""

    app: HubApp

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = Blind()

    async def on_partitions_assigned(
        self, assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Tell the runtime first; the seek follows in :meth:`perform_seek`."""
        self.app.assignments += 1
        await self._guarded(self.app.hooks.assigned(assigned, generation_id))
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Shut the states before the group learns that we let go."""
        self.app.expect(self.app.rejoin_seconds)
        await self._guarded(self.app.hooks.revoked(revoked))
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Set every partition to the message after its stored position."""
        await super().perform_seek()
        places = await self.app.hooks.seeks(self.assignment())
        ready = {tp: at for tp, at in places.items() if at is not None}
        self.pause_partitions(places.keys() - ready.keys())
        if ready:
            await self.seek_wait(ready)

    @property
    def client(self) -> AIOKafkaConsumer:
        """The client; only what is asked through :meth:`ask` may wait."""
        return self._thread._ensure_consumer()  # noqa: SLF001 - the only door

    async def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Have the client's thread find an answer; given up, it is given up there too.

        Raises:
            TimeoutError: None came in time; a process that ends has little.
        """
        seconds = LAST_SECONDS if self.app.should_stop else ANSWER_SECONDS
        try:
            found = asyncio.run_coroutine_threadsafe(question, self._thread.thread_loop)
        except RuntimeError as error:
            question.close()
            raise TimeoutError("the loop that fetches has ended") from error
        return await asyncio.wait_for(asyncio.wrap_future(found), seconds)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        """Where logs begin."""
        return dict(await self.ask(self.client.beginning_offsets(partitions)))

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """Where logs end."""
        return dict(await self.ask(self.client.end_offsets(partitions)))

    async def on_stop(self) -> None:
        """Let the runtime finish before the group is left."""
        await self._guarded(self.app.hooks.stopping())
        await super().on_stop()

    async def _guarded(self, step: Any) -> None:
        # aiokafka logs and swallows what a rebalance listener raises.
        try:
            await step
        except Exception as error:  # noqa: BLE001 - whatever it is ends the process
            await self.app.crash(WorkerError(f"rebalance: {type(error).__name__}"))


class HubTransport(Transport):
    """Faust's transport with our consumer."""

    Consumer = SeekingConsumer


class HubApp(faust.App):
    """A Faust app with its own producer, deadlines and hooks."""

    hooks: Hooks
    producer_own: AIOKafkaProducer
    tls: ssl.SSLContext | None = None
    assignments = 0
    start_seconds = 60.0
    rejoin_seconds = 150.0  # the group itself may wait a minute for a slow member
    stop_seconds = 10.0
    _down = False

    def _new_transport(self) -> HubTransport:
        return HubTransport(self.conf.broker_consumer, self)

    async def on_start(self) -> None:
        """Start the producer before any service, and the gate against silence."""
        await super().on_start()
        self.producer_own = AIOKafkaProducer(
            bootstrap_servers=[url.authority for url in self.conf.broker],
            security_protocol="SSL" if self.tls else "PLAINTEXT",
            ssl_context=self.tls,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=MESSAGE_BYTES_MAX,
        )
        await start(self.producer_own, self.start_seconds)
        self.expect(self.start_seconds)

    @property
    def called_back(self) -> bool:
        """Whether the group has ever given this worker its share."""
        return self.assignments > 0

    def expect(self, seconds: float) -> None:
        """End the process if the group gives it nothing in time, not even nothing."""
        before = self.assignments
        exit_after(seconds, EXIT_START, unless=lambda: self.assignments > before)

    async def on_shutdown(self) -> None:
        """Stop the producer after agents and consumer."""
        await super().on_shutdown()
        if hasattr(self, "producer_own"):
            await self.producer_own.stop()

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        if not self._down:
            self._down = True
            exit_after(self.stop_seconds, EXIT_HUNG)

    async def send_all(self, sends: Sequence[Send], seconds: float) -> None:
        """Send messages and wait until every one is acknowledged.

        Raises:
            TimeoutError: Not all were, in time. They stay queued: the caller has to end
                the process, because another producer would send them twice.
        """
        async with asyncio.timeout(seconds):
            acks = [
                await self.producer_own.send(
                    send.topic,
                    send.value,
                    key=send.key,
                    partition=send.partition,
                    headers=list(send.headers),
                )
                for send in sends
            ]
            await asyncio.gather(*acks)

    async def die(self, reason: WorkerError) -> NoReturn:
        """End the process with a failure; never returns to the caller."""
        await self.crash(reason)
        while True:
            await asyncio.Event().wait()


async def start(producer: AIOKafkaProducer, seconds: float) -> None:
    """Start a producer, as soon as the brokers are there.

    Workers that are started beside a broker would otherwise die and be born until it
    is up, and each birth costs more time than it saves.

    Raises:
        KafkaConnectionError: They were not there in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            await producer.start()
        except KafkaConnectionError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(BROKER_SECONDS)
        else:
            return


class HubWorker(faust.Worker):
    """Faust's worker: our logging, no banner, no debugger, a deadline to stop."""

    def __init__(self, app: HubApp) -> None:
        super().__init__(
            app, override_logging=False, redirect_stdouts=False, quiet=True
        )
        self.spinner = None
        self._hub = app

    def _schedule_shutdown(self, signal: Any) -> None:
        exit_after(self._hub.stop_seconds, EXIT_STOP)
        super()._schedule_shutdown(signal)

    def _on_sigusr2(self) -> None:
        """Faust would open a debugger here."""


def make_app(
    name: str,
    *,
    bootstrap: str,
    context: ssl.SSLContext | None,
    datadir: str,
    instance: str | None = None,
) -> HubApp:
    """A Faust app whose id, and so whose group, is `name`.

    Args:
        name: The stage's word.
        bootstrap: Brokers as ``host:port,…``.
        context: TLS, or None for plaintext.
        datadir: Folder for what Faust wants to keep; empty with us.
        instance: Static member of the group; no other living process may have it.
    """
    brokers = ";".join(f"kafka://{one.strip()}" for one in bootstrap.split(","))
    app = HubApp(
        name,
        broker=brokers,
        broker_credentials=faust.SSLCredentials(context=context) if context else None,
        store="memory://",
        datadir=datadir,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_buffer_maxsize=4,
        consumer_max_fetch_size=FETCH_BYTES,
        stream_recovery_delay=0,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=1,
        broker_request_timeout=30,
        consumer_group_instance_id=instance,
        consumer_metadata_max_age_ms=5000,
        consumer_auto_offset_reset="earliest",
        monitor=Silent(),
    )
    app.tls = context
    return app
