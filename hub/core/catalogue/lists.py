"""Codelists, members and policies from their files.

Rules:

- One file, one thing; the id is the file's name (``sex.toml`` → ``CL_SEX``,
  ``sms.toml`` → ``sms``, ``C.toml`` → ``C``).
- Codes keep the order of the file. A grouping may end in ``"*"``, which stands for
  every code not named.
- ``CL_MEMBER`` and ``CL_DATAFLOW`` are made from what is declared elsewhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise

from hub.core.catalogue.model import (
    Agreement,
    Codelist,
    Dataflow,
    Member,
    Policy,
    Text,
)
from hub.core.catalogue.reading import Node, near


def stem(file: str) -> str:
    """``codelists/sex.toml`` → ``sex``."""
    return file.rpartition("/")[2].removesuffix(".toml")


def identify(node: Node, expected: str) -> str:
    """Reads the id, which must be the file's name."""
    found = node.string("id")
    if found != expected:
        node.complain("id", f"{expected!r} (the name of the file)", found, "rename one")
    return found


def read_codelist(node: Node) -> Codelist:
    """One codelist file."""
    id_ = identify(node, f"CL_{stem(node.file).upper()}")
    codes = node.texts("codes")
    if not codes:
        node.complain("codes", "at least one code", None, "add a [codes] table")
    groups = node.node("groups")
    codelist = Codelist(
        id=id_,
        title=node.text("title"),
        codes=codes,
        groups={name: _grouping(groups, name, codes) for name in groups.names()},
        bands=_bands(node, codes),
        hints=node.texts("hints"),
        notes=_notes(node, codes),
    )
    node.done()
    return codelist


def _grouping(groups: Node, name: str, codes: Mapping[str, Text]) -> dict[str, str]:
    """Expands ``"*"`` so that every code has a group."""
    node = groups.node(name)
    named = {code: node.string(code) for code in node.names()}
    rest = named.pop("*", None)
    for code in named:
        if code not in codes:
            node.complain(code, "a code of this list", code, near(code, codes))
    missing = [code for code in codes if code not in named]
    if missing and rest is None:
        node.complain(
            missing[0], "a group for every code", None, 'add it, or "*" = "…"'
        )
    node.done()
    return {code: named.get(code, rest or "") for code in codes}


def _bands(node: Node, codes: Mapping[str, Text]) -> dict[str, tuple[int, int | None]]:
    """Age bands: ``Y0T14 = { low = 0, high = 14 }``, no high for an open one."""
    bands: dict[str, tuple[int, int | None]] = {}
    holder = node.node("bands")
    for code in holder.names():
        if code not in codes:
            holder.complain(code, "a code of this list", code, near(code, codes))
        band = holder.node(code)
        high = band.integer("high") if "high" in band else None
        bands[code] = (band.integer("low"), high)
        if high is not None and high < bands[code][0]:
            band.complain("high", f"at least {bands[code][0]}", high, "swap them")
        band.done()
    edges = sorted(bands.values(), key=lambda band: band[0])
    for (_, high), (low, _) in pairwise(edges):
        if high is None or high >= low:
            label = "bands that do not overlap"
            holder.complain(f"(low = {low})", label, high, "close the band below it")
    return bands


def _notes(node: Node, codes: Mapping[str, Text]) -> dict[str, dict[str, str]]:
    holder = node.node("notes")
    notes: dict[str, dict[str, str]] = {}
    for code in holder.names():
        if code not in codes:
            holder.complain(code, "a code of this list", code, near(code, codes))
        entry = holder.node(code)
        notes[code] = {name: entry.string(name) for name in entry.names()}
    return notes


def read_member(node: Node) -> Member:
    """One provider file."""
    member = Member(
        id=identify(node, stem(node.file)),
        member=node.string("member"),
        title=node.text("title"),
        provides=node.strings("provides"),
        reads=node.boolean("reads"),
        agreement=_agreement(node.node("agreement")) if "agreement" in node else None,
    )
    node.done()
    return member


def _agreement(node: Node) -> Agreement:
    """Its days are texts, because the digest is taken over JSON."""
    since, until = _day(node, "since"), _day(node, "until")
    if until < since:
        node.complain("until", f"a day from {since} on", str(until), "swap the days")
    agreement = Agreement(since=since, until=until, purpose=node.text("purpose"))
    node.done()
    return agreement


def _day(node: Node, name: str) -> dt.date:
    found = node.string(name)
    try:
        return dt.date.fromisoformat(found)
    except ValueError:
        node.complain(name, "a day", found, 'write it as "2026-01-31"')


def read_policy(node: Node) -> Policy:
    """One policy file; its numbers are named where disclosure reads them."""
    params = node.node("params")
    policy = Policy(
        id=identify(node, stem(node.file)),
        title=node.text("title"),
        params={name: params.number(name) for name in params.names()},
    )
    node.texts("esms")
    node.done()
    return policy


def made_codelists(
    members: Mapping[str, Member], dataflows: Mapping[str, Dataflow]
) -> list[Codelist]:
    """The two codelists that repeat what other files declare."""
    member_title = Text(
        en="Member of the exchange", ru="Участник обмена", tk="Alyş-çalşygyň agzasy"
    )
    flow_title = Text(en="Dataflow", ru="Поток данных", tk="Maglumat akymy")
    return [
        Codelist(
            id="CL_MEMBER",
            title=member_title,
            codes={member.id: member.title for member in members.values()},
            groups={},
        ),
        Codelist(
            id="CL_DATAFLOW",
            title=flow_title,
            codes={
                flow.id: flow.title for flow in dataflows.values() if not flow.reserved
            },
            groups={},
        ),
    ]
