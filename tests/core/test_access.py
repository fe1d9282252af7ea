"""The access table says who may do what, and nothing more."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from hub.core.access import (
    SERVICES,
    STAGES,
    Acl,
    a_reader,
    acls,
    allowed,
    principals,
)
from hub.core.catalogue.model import Catalogue, Member, Text
from hub.core.errors import CatalogueError, InvalidError
from hub.core.topics import VINTAGES, topics
from hub.edge.files import read_catalogue

TEXT = Text(en="x", ru="x", tk="x")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


def reach(catalogue: Catalogue, principal: str, operation: str) -> set[str]:
    """Topics on which a principal may do an operation."""
    table = acls(catalogue)
    names = [topic.name for topic in topics(catalogue)]
    return {name for name in names if allowed(table, principal, operation, name)}


def spaces(names: set[str]) -> set[str]:
    """First words of names; two for the hub's own."""
    return {
        ".".join(name.split(".")[: 2 if name.startswith("hub.") else 1])
        for name in names
    }


@pytest.mark.parametrize(
    ("principal", "reads", "writes"),
    [
        ("intake", {"ministry"}, {"hub.records", "receipts", "quarantine"}),
        ("dedupe", {"hub.records"}, {"hub.facts", "statements"}),
        ("aggregate", {"hub.facts"}, {"hub.cells"}),
        ("release", {"hub.cells", "indicators"}, {"indicators", "hub.notices"}),
        ("audit", {"ministry", "hub.cells", "hub.trail"}, set()),
        ("gateway", {"indicators"}, set()),
        (
            "control",
            {"hub.trail", "hub.notices", "indicators"},
            {
                "ministry",
                "receipts",
                "quarantine",
                "statements",
                "hub.records",
                "hub.facts",
                "hub.cells",
                "hub.trail",
                "hub.notices",
                "indicators",
            },
        ),
    ],
)
def test_services_reach_their_arrows_only(
    catalogue: Catalogue, principal: str, reads: set[str], writes: set[str]
) -> None:
    """A stage reads its input and writes its outputs; control writes, audit reads."""
    assert spaces(reach(catalogue, principal, "READ")) == reads
    assert spaces(reach(catalogue, principal, "WRITE")) == writes


def test_control_reads_what_was_released_and_no_figure(catalogue: Catalogue) -> None:
    """Its clock must know what stands; of indicators that is the manifests alone."""
    seen = {name for name in reach(catalogue, "control", "READ") if "indica" in name}
    assert seen == {VINTAGES}


def test_nobody_reads_a_later_stage(catalogue: Catalogue) -> None:
    """Forward only: an input of a stage is no output of a later one."""
    for earlier, later in product(STAGES, STAGES):
        if STAGES.index(earlier) < STAGES.index(later):
            overlap = reach(catalogue, earlier, "READ") & reach(
                catalogue, later, "WRITE"
            )
            assert overlap == set()


def test_members_reach_their_own(catalogue: Catalogue) -> None:
    """A member writes what it provides, reads its own answers, and indicators."""
    for member in catalogue.members.values():
        answers = (
            {f"{kind}.{member.id}" for kind in ("receipts", "quarantine", "statements")}
            if member.provides
            else set()
        )
        indicators = {
            topic.name
            for topic in topics(catalogue)
            if member.reads and topic.name.startswith("indicators.")
        }

        assert reach(catalogue, member.id, "READ") == answers | indicators
        assert reach(catalogue, member.id, "WRITE") == {
            f"ministry.{member.id}.{flow}" for flow in member.provides
        }


def test_groups_are_their_owners(catalogue: Catalogue) -> None:
    """A group is joined by its stage, or by the member whose id it begins with."""
    table = acls(catalogue)
    groups = [*STAGES, *(f"{member}.adapter" for member in catalogue.members)]

    for principal, group in product(principals(catalogue), groups):
        if principal in ("broker", "admin"):
            continue
        own = group in (principal, f"{principal}.adapter")
        assert allowed(table, principal, "READ", group, "GROUP") == own


def test_a_longer_id_is_another_member(catalogue: Catalogue) -> None:
    """A member whose id begins like another's reaches nothing of it."""
    longer = Member(
        id="smsx", member="TM/GOV/SMSX/A", title=TEXT, provides=(), reads=False
    )
    table = acls(replace(catalogue, members={**catalogue.members, "smsx": longer}))

    assert not allowed(table, "sms", "READ", "smsx.group", "GROUP")
    assert not allowed(table, "smsx", "READ", "sms.group", "GROUP")
    assert not allowed(table, "smsx", "READ", "receipts.sms")


def test_strangers_are_denied_and_superusers_are_not(catalogue: Catalogue) -> None:
    """Who is not in the table may nothing; broker and admin are never asked."""
    table = acls(catalogue)

    for topic in topics(catalogue):
        for operation in ("READ", "WRITE", "DESCRIBE"):
            assert not allowed(table, "stranger", operation, topic.name)
            assert allowed(table, "admin", operation, topic.name)


def test_seeing_follows_from_reading_or_writing(catalogue: Catalogue) -> None:
    """DESCRIBE is implied by READ and by WRITE, and by nothing else."""
    for principal in principals(catalogue):
        seen = reach(catalogue, principal, "DESCRIBE")
        read, written = (
            reach(catalogue, principal, operation) for operation in ("READ", "WRITE")
        )
        assert seen == read | written


def test_a_literal_name_is_the_whole_name() -> None:
    """A literal permission matches one name; a prefixed one what begins with it."""
    literal = Acl(
        principal="p", operation="READ", resource="TOPIC", name="a.b", pattern="LITERAL"
    )
    prefixed = replace(literal, pattern="PREFIXED")

    assert [literal.matches(name) for name in ("a.b", "a.bc", "a")] == [
        True,
        False,
        False,
    ]
    assert [prefixed.matches(name) for name in ("a.b", "a.bc", "a")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("name", [*SERVICES, "SMS", "a.b", "a/b", "", "-a", "a--b"])
def test_ids_of_members_are_their_own(catalogue: Catalogue, name: str) -> None:
    """A member cannot be called like a service, nor like a path or a prefix."""
    member = Member(id=name, member="TM/X/X/X", title=TEXT, provides=(), reads=False)

    with pytest.raises(CatalogueError):
        principals(replace(catalogue, members={name: member}))


def test_a_revoked_member_may_do_nothing(catalogue: Catalogue) -> None:
    """Neither topics nor groups; everybody else keeps what they had."""
    everyone, rest = acls(catalogue), acls(catalogue, {"unicef", "sms"})

    assert {row.principal for row in everyone} - {row.principal for row in rest} == {
        "unicef",
        "sms",
    }
    assert set(rest) <= set(everyone)


def test_a_release_is_read_by_a_member_that_may(catalogue: Catalogue) -> None:
    """One that was revoked may no longer; where nobody is left, it is said."""
    readers = [one.id for one in catalogue.members.values() if one.reads]

    assert a_reader(catalogue) == readers[0]
    assert a_reader(catalogue, readers[:1]) == readers[1]
    with pytest.raises(InvalidError, match="no member reads"):
        a_reader(catalogue, readers)
