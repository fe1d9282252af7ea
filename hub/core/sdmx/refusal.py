"""What the standard calls an error: one kind, one HTTP status, one SDMX code.

Rules (SDMX REST, "Error handling"):

- The sentence says what is wrong, where, and how to mend it; it repeats at most forty
  characters of what was asked.
- Nothing inside the hub is named: no file, no function, no other member.
"""

from __future__ import annotations

from enum import Enum

from hub.core.errors import InvalidError

SHOWN = 40


class Fault(Enum):
    """HTTP status and SDMX error code of each kind of refusal."""

    SYNTAX = (400, 140)
    CREDENTIALS = (401, 110)
    FORBIDDEN = (403, 110)
    NOTHING = (404, 100)
    METHOD = (405, 140)
    FORMAT = (406, 140)
    TOO_MUCH = (413, 130)
    TOO_LONG = (414, 140)
    MEANING = (422, 150)
    TOO_OFTEN = (429, 510)
    FAILED = (500, 500)
    NOT_BUILT = (501, 501)
    AWAY = (503, 503)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def code(self) -> int:
        """The SDMX error code."""
        return self.value[1]


class RefusalError(InvalidError):
    """A request that is answered with a sentence instead of data."""

    def __init__(self, fault: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = fault


def shown(text: str) -> str:
    """What was asked, short and on one line, in quotes."""
    flat = "".join(one if one.isprintable() else "?" for one in text)
    return repr(flat if len(flat) <= SHOWN else f"{flat[:SHOWN]}…")


def syntax(sentence: str) -> RefusalError:
    """The query does not follow the grammar."""
    return RefusalError(Fault.SYNTAX, sentence)


def meaning(sentence: str) -> RefusalError:
    """The query follows the grammar and means nothing here."""
    return RefusalError(Fault.MEANING, sentence)


def nothing(sentence: str) -> RefusalError:
    """What was asked for is not here."""
    return RefusalError(Fault.NOTHING, sentence)
