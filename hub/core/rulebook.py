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
from hub.core.catalogue.model import Catalogue, Dataflow, Member
from hub.core.catalogue.schemas import records_schema
from hub.core.errors import InvalidError
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
        """The rulebook of a bundle."""
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
            digest=bundle.digest(catalogue, registry),
            registry=registry,
            addresses={address.topic: address for address in addresses},
        )

    def address(self, topic: str) -> Address:
        """The address of a ministry topic."""
        found = self.addresses.get(topic)
        if found is None:
            raise InvalidError(f"{topic} is no ministry topic of this catalogue")
        return found


def _form(flow: Dataflow, catalogue: Catalogue) -> Form:
    return Form(
        flow=flow,
        mark=fingerprint(flow.schema),
        checks=checks_of(flow, catalogue.codelists),
        output=records_schema(flow),
        linkage=catalogue.linkage.get(flow.domain),
    )
