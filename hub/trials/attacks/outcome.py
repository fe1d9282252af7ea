"""What came of an attack, and when it passes."""

from __future__ import annotations

import math
from dataclasses import dataclass

SIGMAS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attack and its twin.

    Attributes:
        name: The attack, in a few words.
        reader: Who could run it.
        tries: How often it was tried on what is published.
        hits: How often it told the truth.
        twin_tries: The same without protection.
        twin_hits: The same.
        bound: Greatest rate that noise leaves to a guess; 0 where none may succeed.
        twin_bound: Least rate of the twin for the attack to prove anything.
    """

    name: str
    reader: str
    tries: int
    hits: int
    twin_tries: int
    twin_hits: int
    bound: float = 0.0
    twin_bound: float = 0.5

    @property
    def rate(self) -> float:
        """Success on what is published."""
        return self.hits / self.tries if self.tries else 0.0

    @property
    def twin_rate(self) -> float:
        """Success on what would be published without protection."""
        return self.twin_hits / self.twin_tries if self.twin_tries else 0.0

    @property
    def defeated(self) -> bool:
        """At or below the bound, four standard errors allowed for chance."""
        if not self.tries:
            return True
        spread = math.sqrt(self.bound * (1 - self.bound) / self.tries)
        return self.rate <= self.bound + SIGMAS * spread

    @property
    def telling(self) -> bool:
        """Whether the twin shows that the attack works at all."""
        return self.twin_rate > self.twin_bound
