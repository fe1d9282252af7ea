"""What decides about an envelope, made ready once: catalogue and public keys.

Rules (design: delivery, rule 10):

- A rulebook is named by the digest of its bundle; config records put it in force.
- Everything that can be worked out from the catalogue alone is worked out here, so that
  a chunk only applies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.core import bundle
from hub.core.avro import fingerprint
from hub.core.bundle import Books, Bundle, Bundles
from hub.core.catalogue.model import Catalogue, Dataflow, Member
from hub.core.catalogue.schemas import records_schema
from hub.core.errors import BundleError, InvalidError
from hub.core.identity.composites import Linkage
from hub.core.keys import KeyRegistry
from hub.core.topics import ministry_topic, providers
from hub.core.validate import Check, checks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A dataflow as intake needs it.

    Attributes:
        mark: Fingerprint of the provider schema.
        checks: What is asked of a row.
        output: Schema of the pseudonymised rows.
        linkage: What its persons are known by, None without any.
    """

    flow: Dataflow
    mark: bytes
    checks: tuple[Check, ...]
    output: str
    linkage: Linkage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Who may speak in a ministry topic, and about what."""

    topic: str
    member: Member
    records: Form
    declarations: Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """One bundle, ready for use."""

    digest: bytes
    registry: KeyRegistry
    addresses: Mapping[str, Address]

    @classmethod
    def of(cls, catalogue: Catalogue, registry: KeyRegistry) -> Rulebook:
        """The rulebook of a first bundle."""
        return cls.of_bundle(Bundle(catalogue=catalogue, registry=registry))

    @classmethod
    def of_bundle(cls, given: Bundle) -> Rulebook:
        """The rulebook of a bundle."""
        catalogue = given.catalogue
        forms = {
            name: _form(flow, catalogue) for name, flow in catalogue.dataflows.items()
        }
        reserved = [form for form in forms.values() if form.flow.reserved]
        if len(reserved) != 1:
            raise InvalidError("a catalogue has one reserved dataflow, declarations")
        addresses = [
            Address(
                topic=ministry_topic(member.id, name),
                member=member,
                records=forms[name],
                declarations=reserved[0],
            )
            for member in providers(catalogue)
            for name in member.provides
        ]
        return cls(
            digest=given.digest,
            registry=given.registry,
            addresses={address.topic: address for address in addresses},
        )

    def address(self, topic: str) -> Address:
        """The address of a ministry topic.

        Raises:
            BundleError: The bundle has no agreement about it.
        """
        found = self.addresses.get(topic)
        if found is None:
            raise BundleError(
                f"{topic}: bundle {bundle.short(self.digest)} has no agreement about"
                " it; put one in force that has, with `kerwen topics bundle --apply`",
                digest=self.digest,
            )
        return found


class Shelf:
    """The rulebooks of all bundles that are held."""

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles
        self._books = Books(bundles, Rulebook.of_bundle)

    def of(self, digest: bytes, topic: str) -> Rulebook:
        """The rulebook of a bundle; of NONE the oldest one that knows the topic."""
        if digest != bundle.NONE:
            return self._books.of(digest)
        for older in self._bundles.held():
            book = self._books.of(older)
            if topic in book.addresses:
                return book
        raise BundleError(
            f"{topic}: no bundle that is held knows it; put one in force with"
            " `kerwen topics bundle --apply`"
        )

    def newer(self, one: bytes, other: bytes) -> bytes:
        """See :meth:`Books.newer`."""
        return self._books.newer(one, other)


def _form(flow: Dataflow, catalogue: Catalogue) -> Form:
    return Form(
        flow=flow,
        mark=fingerprint(flow.schema),
        checks=checks_of(flow, catalogue.codelists),
        output=records_schema(flow),
        linkage=catalogue.linkage.get(flow.domain),
    )
