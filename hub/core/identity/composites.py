"""What makes two rows one person, as the catalogue declares it (``linkage.toml``).

Rules (design §5):

- A *component* is a field in a form (:mod:`hub.core.identity.forms`), or other
  components in one. A *composite* is components that together identify a person.
- A tier is a composite's number, least first = strongest evidence. It never changes its
  meaning: :attr:`Component.text`, which goes into the keyed hash, sees to that.
- A key more key sets hold than :attr:`Linkage.cap` joins nobody.
- Of an exclusive composite two different keys are never one person.
- Values a form is filled with to get past it (:class:`Placeholders`) are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of a composite.

    Attributes:
        form: Name of a form.
        fields: The one field it reads; empty if it is made of components.
        of: The components it is made of.
        length: Letters or digits kept, where the form takes a number.
        only: Codes that say something; others are empty. Empty: all of them do.
    """

    form: str
    fields: tuple[str, ...] = ()
    of: tuple[Component, ...] = ()
    length: int = 0
    only: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The definition in one line, equal for equal definitions only."""
        inner = ",".join((*self.fields, *(one.text for one in self.of)))
        more = f"/{self.length}" if self.length else ""
        return f"{self.form}({inner}{more}{''.join(f'={code}' for code in self.only)})"

    @property
    def sources(self) -> frozenset[str]:
        """The fields it comes from."""
        return frozenset(self.fields).union(*(one.sources for one in self.of))


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """One combination of components that identifies a person."""

    tier: int
    components: tuple[Component, ...]
    exclusive: bool = False

    @property
    def text(self) -> str:
        """The definition in one line."""
        return "+".join(component.text for component in self.components)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """What is written where nothing is known.

    Attributes:
        digits_min: A number with fewer digits is none.
        numbers: Further numbers, in their normal form.
        dates: Birth dates of which not even the year is meant.
        names: Words, in lower case, without blanks.
    """

    digits_min: int = 1
    numbers: frozenset[str] = frozenset()
    dates: tuple[date, ...] = ()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """How the persons of one linkage domain are told apart.

    Attributes:
        cap: More key sets than this on one key, and it joins nobody.
        composites: By tier, ascending.
    """

    cap: int
    composites: tuple[Composite, ...] = field(repr=False)
    placeholders: Placeholders = field(default=Placeholders(), repr=False)

    @property
    def exclusive(self) -> bool:
        """Whether two different keys of the strongest tier are never one person."""
        return any(one.exclusive for one in self.composites)

    @property
    def components(self) -> Mapping[str, Component]:
        """Every component, those that others are made of included, by its text."""
        found: dict[str, Component] = {}
        waiting = [part for one in self.composites for part in one.components]
        while waiting:
            part = waiting.pop()
            found[part.text] = part
            waiting.extend(part.of)
        return found
