"""``kerwen``: one verb, one file.

Rules:

- Every verb has ``--json``; its object goes to stdout, alone.
- An error is one line on stderr: what, where, how to mend it.
- Exit codes: 0 done, 1 input or finding, 2 usage, 3 environment, 130 interrupted.
- A verb's module is imported only when it is called, so ``kerwen --help`` and a
  ministry's ``kerwen publish`` need no stream processor.
- Ctrl-C ends every verb; a service sets handlers of its own when it runs.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from hub.cli.output import Output
from hub.core.errors import HubError, MachineError, RetriableError, UsageError

INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C ended."""
VERBS: dict[str, str] = {
    "demo": "start a hub in a fresh folder, publish the sample year, release, audit",
    "up": "start the hub on the embedded Kafka and leave it running",
    "down": "stop everything that 'kerwen up' started",
    "status": "processes, positions, lag and addresses",
    "doctor": "look for known faults; each finding has one cause and one command",
    "canary": "a catalogue with the synthetic records that watch the hub",
    "explain": "what an alert means and what to do, in three languages",
    "sample": "write reproducible files of the ministries and their truth",
    "publish": "publish a file of records as a ministry and wait for receipts",
    "watch": "watch a folder, a database or HTTP as a ministry's service",
    "declare": "declare a period of a dataflow complete (or nil)",
    "receipts": "list or verify the receipts a ministry holds",
    "quarantine": "list, show, mend and send again the rows the hub refused",
    "release": "close a period and wait for the signed vintage",
    "subscribe": "read indicator observations as a member",
    "query": "print one indicator table by sex",
    "verify": "check offline that figures are exactly those the hub signed",
    "gateway": "members' tokens for the gateway, and revoking a member at once",
    "webhook": "addresses of members that are told of releases",
    "onboard": "let a ministry or a member in: keys, agreement, permissions, a test",
    "offboard": "end a member's part: its signature, permissions and tokens",
    "backup": "seal what a home cannot make again for the recovery key",
    "restore": "bring an archive back into an empty home, or single files",
    "audit": "recompute every cell from the inbound log and compare",
    "catalogue": "list, check or document the catalogue",
    "keys": "list, create, rotate, revoke keys; what depends on one",
    "log": "who did what to the hub; whether that record was touched",
    "topics": "list topics and the access table",
    "bench": "measure the whole path: throughput, or what faults do to it",
}
"""Verbs in the order a newcomer meets them."""


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose usage errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing usage and exiting."""
        raise UsageError(f"{message}; see: {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(as_json="--json" in words)
    try:
        return _run(words, out)
    except UsageError as error:
        return out.fail(error, 2)
    except (MachineError, RetriableError) as error:
        return out.fail(error, 3)
    except HubError as error:
        return out.fail(error, 1)
    except KeyboardInterrupt:
        text = "interrupted; what this call had started is stopped"
        return out.fail(HubError(text), INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def parser_for(words: Sequence[str]) -> argparse.ArgumentParser:
    """Parses these words: all verbs, and the arguments of the one they name."""
    parser = _Parser(
        prog="kerwen",
        description="Inter-agency exchange hub for migration indicators.",
        epilog="Every verb has --help and --json.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    verb = next((word for word in words if not word.startswith("-")), None)
    for name, text in VERBS.items():
        sub = verbs.add_parser(name, help=text, description=text.capitalize() + ".")
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        if name == verb:
            module = importlib.import_module(f"hub.cli.{name}")
            module.arguments(sub)
    return parser


def _run(words: list[str], out: Output) -> int:
    """Find the verb, parse its arguments, call it."""
    parser = parser_for(words)
    args = parser.parse_args(words)
    if args.verb is None:
        parser.print_help()
        return 0
    _heed_interrupts()
    return int(importlib.import_module(f"hub.cli.{args.verb}").run(args, out))


def _heed_interrupts() -> None:
    """Let Ctrl-C end what waits; to be called behind the imports of a verb.

    Polars puts a handler of its own before Python's and asks the kernel to take up
    again what a signal broke off: who waits for a lock then never hears of it. A shell
    without job control starts a command in the background deaf to it.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main())
