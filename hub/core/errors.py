"""Errors that a caller can act on, grouped by whose fault they are.

Rules:

- Every name ends in ``Error`` and derives from :class:`HubError`.
- The text says what is wrong, where, and how to mend it; never a payload, never an
  identity, never a key.
- A bad record is not an exception: it is a :class:`~hub.core.reasons.Reason` in data.
- Verification raises; it never returns a bool.
"""

from __future__ import annotations


class HubError(Exception):
    """Anything Kerwen raises on purpose."""


class InvalidError(HubError):
    """The caller's input is wrong; repeating the call cannot help (exit code 1)."""


class CatalogueError(InvalidError):
    """A catalogue file is wrong: file, key and what was expected are in the text."""


class UsageError(HubError):
    """The command was called wrongly (exit code 2)."""


class MachineError(HubError):
    """Something around the process is missing: port, Java, folder (exit code 3)."""


class RetriableError(HubError):
    """A broker or key service is away; the same call may go through later."""


class EnvelopeError(HubError):
    """A batch, block or receipt that cannot be verified or opened.

    Attributes:
        reason: A code of :class:`hub.core.reasons.Reason`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


class LogError(HubError):
    """A log is not the one the state was made from, or misses a range (rule 7)."""


class BundleError(HubError):
    """A config record names a bundle this worker does not hold (rule 10).

    Attributes:
        digest: Of the bundle; the partition goes on by itself once it is there.
    """

    def __init__(self, text: str, digest: bytes = b"") -> None:
        super().__init__(text)
        self.digest = digest


class RecountError(HubError):
    """A bundle counts what a state has never looked at: it is made anew (rule 11)."""


class FencedError(HubError):
    """The partition was taken away while its chunk was under way (rule 4)."""
