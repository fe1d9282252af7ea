"""A worker with the smallest stage there is, for tests of the runtime.

Run as a process: ``echo_worker.py <input topic> <output topic>``; settings come from
the environment like any worker's.

SIGHUP makes the loop that fetches hang.

Output values are JSON: the source, the stretch covered, and the offsets in it, so that
a checker needs none of the code it checks.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
from collections.abc import Sequence

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from agents.limits import Limits, Patience
from agents.worker import Plan, main
from hub.core.errors import LogError
from hub.core.log import Incoming, Send, Source
from hub.core.stage import Result, Stage
from hub.core.state import Overlay
from hub.edge.settings import Settings

POISON = b"poison"
REFUSED = b"refused"
LABELS = (
    ("dataflow", "x"),
    ("ministry", "sms"),
    ("outcome", "accepted"),
    ("reason", ""),
)


class Echo:
    """Counts messages in state and forwards their offsets."""

    name = "intake"

    def __init__(self, output: str) -> None:
        self._output = output

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See :class:`hub.core.stage.Stage`."""
        for message in messages:
            if message.value == POISON:
                raise ZeroDivisionError
            if message.value == REFUSED:
                raise LogError("refused on purpose")
        count = int(overlay.get(b"n") or b"0") + len(messages)
        overlay.put(b"n", str(count).encode())
        covers = {
            "source": source.name,
            "log": source.log.hex(),
            "from": messages[0].offset - 1,
            "to": messages[-1].offset,
            "offsets": [message.offset for message in messages],
            "count": count,
        }
        value = json.dumps(covers).encode()
        return Result(
            sends=[Send(topic=self._output, partition=0, key=None, value=value)],
            counts={("rows_total", LABELS): len(messages)},
        )


def build(_: Settings) -> tuple[Stage, Plan]:
    """The stage, and what it reads."""
    given, output = sys.argv[1:]
    return Echo(output), Plan(
        inputs=[given],
        limits=Limits(ack_seconds=20),
        patience=Patience(stall_seconds=20, loop_seconds=10),
    )


def hang(*_: object) -> None:
    """Make the loop that fetches hang, as a call that never comes back does."""
    for one in gc.get_objects():
        if isinstance(one, AIOKafkaConsumerThread):
            one.thread_loop.call_soon_threadsafe(time.sleep, 600)


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, hang)
    main("intake", build)
