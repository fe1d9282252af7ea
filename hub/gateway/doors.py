"""Who asks, and what they may: tokens, certificates, revocations, measure.

Rules (docs/gateway.md, "Access"):

- Tables are open to everybody unless the catalogue says they are for members.
- A member shows a token or a certificate of the hub's authority; its common name is the
  member's id. What is shown must be good: a revoked or unknown one is refused even
  where nothing would have been needed.
- Files of tokens and revocations are looked at several times a second; whatever is
  under way for a revoked member ends then.
- Everybody has a measure of requests; a member has its own, others one an address.
  Addresses are kept as keyed hashes, in memory, and are written nowhere.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from hub.core.errors import InvalidError
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.edge import passes
from hub.edge.passes import Revoked, Token, Watch
from hub.edge.settings import Home

LOOK_SECONDS = 0.25
MEASURES_MAX = 20_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What a client showed when it connected: its verified certificate."""

    name: str
    serial: str
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        member: Short id; empty: nobody in particular.
        way: public, token or certificate; for the access log.
        shown: Digest of the token, or serial number; to see whether it still counts.
    """

    member: str = ""
    way: str = "public"
    shown: str = ""


PUBLIC = Caller()


class Doors:
    """Lets callers in, or says why not."""

    def __init__(
        self,
        home: Home,
        members: Collection[str],
        *,
        per_second: float,
        burst: float,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._home = home
        self._members = members
        self._clock_ms = clock_ms
        self._watch = Watch(passes.tokens_file(home), passes.revoked_file(home))
        self._tokens: Mapping[str, Token] = {}
        self._revoked = Revoked()
        self._measures = _Measures(per_second=per_second, burst=burst)
        self.look()

    def look(self) -> bool:
        """Read the files if they changed; whether they did."""
        if not self._watch.changed():
            return False
        try:
            tokens, revoked = passes.tokens(self._home), passes.revoked(self._home)
        except InvalidError as error:
            # Nobody new, and nobody who was revoked, is let in by a damaged file.
            _log.error("tokens and revocations stay as they were: %s", error)
            return False
        self._tokens, self._revoked = tokens, revoked
        return True

    def caller(self, authorization: str | None, peer: Peer | None) -> Caller:
        """Who shows these.

        Raises:
            RefusalError: CREDENTIALS or FORBIDDEN; what is shown does not count.
        """
        if authorization is not None:
            way, _, token = authorization.partition(" ")
            if way.lower() != "bearer" or len(token) > passes.TOKEN_LENGTH_MAX:
                raise RefusalError(
                    Fault.CREDENTIALS, "expected `Authorization: Bearer <token>`"
                )
            shown = passes.digest(token.strip())
            known = self._tokens.get(shown)
            member = known.member if known is not None else ""
            caller = Caller(member=member, way="token", shown=shown)
        elif peer is not None:
            caller = Caller(member=peer.name, way="certificate", shown=peer.serial)
            if peer.until_ms <= self._clock_ms():
                raise RefusalError(Fault.CREDENTIALS, "the certificate has expired")
        else:
            return PUBLIC
        problem = self.problem(caller)
        if problem is not None:
            raise problem
        return caller

    def problem(self, caller: Caller) -> RefusalError | None:
        """Why a caller may not go on; None: it may."""
        if caller.way == "public":
            return None
        if caller.way == "token":
            known = self._tokens.get(caller.shown)
            if known is None or known.until_ms <= self._clock_ms():
                return RefusalError(
                    Fault.CREDENTIALS, "the token is unknown or has expired"
                )
        if caller.member in self._revoked.members or (
            caller.shown in self._revoked.certificates
        ):
            return RefusalError(
                Fault.FORBIDDEN, "this member's access was revoked; ask the hub"
            )
        if caller.member not in self._members:
            return RefusalError(Fault.FORBIDDEN, "no member that reads indicators")
        return None

    def take(self, caller: Caller, address: str) -> None:
        """Count a request.

        Raises:
            RefusalError: TOO_OFTEN.
        """
        who = caller.member or f"@{address}"
        if not self._measures.take(who):
            raise RefusalError(
                Fault.TOO_OFTEN, "too many requests; ask again in a second"
            )


@dataclass(slots=True, kw_only=True)
class _Measures:
    """A bucket for everybody: filled by time, emptied by requests."""

    per_second: float
    burst: float
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _held: OrderedDict[bytes, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, who: str) -> bool:
        if self.per_second <= 0:
            return True
        name = hashlib.blake2b(who.encode(), key=self._key, digest_size=12).digest()
        now = time.monotonic()
        left, since = self._held.pop(name, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.per_second)
        allowed = left >= 1
        self._held[name] = (left - 1 if allowed else left, now)
        if len(self._held) > MEASURES_MAX:
            self._held.popitem(last=False)
        return allowed
