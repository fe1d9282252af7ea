"""What a new member is given: its agreement to sign, mappings to fill, public files.

Rules (docs/production.md, "A new member"):

- The agreement is written out in English, Russian and Turkmen, from the same file.
- A mapping skeleton names every field of a dataflow and is a mapping already: whoever
  has columns of those names need not touch it.
- No secret is among it: it may travel by e-mail.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from hub.core.access import Acl, acls
from hub.core.catalogue.model import Catalogue, Dataflow, Field, Member, Role
from hub.core.catalogue.reading import LANGUAGES
from hub.core.errors import InvalidError
from hub.core.keys import Key, KeyRegistry
from hub.edge.keyfiles import write_file

_LABELS = Path(__file__).with_name("onboarding.toml")
_CODES_MAX = 12
"""So many codes of a list are named in a skeleton; the reference has all."""

_HEADER = """\
# Mapping of {flow}: which column of your file is which field.
#
#   kerwen publish --member {member} --dataflow {flow} --mapping {flow}.toml FILE
#
# Write your own column names behind `column`. A column that is no field is listed
# in `ignore`; a code of yours becomes one of ours in `values`, for example
#   values = {{ "м" = "M", "ж" = "F" }}
# A field that your file lacks: delete its table, unless it says "required"; then give
# `constant` instead of `column`.
dataflow = "{flow}"
dates = ["%Y-%m-%d", "%d.%m.%Y"]
ignore = []
record_id = ["record_id"] # the columns that number a record and never change
"""

DRAFT = """\
# The agreement with a new member. Fill it in; then, at the hub,
#   kerwen onboard ministry --agreement {member}.toml
id = "{member}"
member = "{instance}/GOV/{upper}/HUB" # X-Road id: instance, class, member, subsystem
title = {{ en = "", ru = "", tk = "" }}
provides = [] # dataflows: {flows}
reads = true # the published indicators

[agreement]
since = "{since}"
until = "{until}"
purpose = {{ en = "", ru = "", tk = "" }}
"""


def package(
    folder: Path, catalogue: Catalogue, member: Member, registry: KeyRegistry
) -> list[str]:
    """Write all of it into a folder; the names of the files."""
    made: dict[str, str] = {"registry.json": registry.text()}
    for language in LANGUAGES:
        page = agreement(catalogue, member, registry, language)
        made[f"agreement.{language}.md"] = page
    for name in member.provides:
        flow = catalogue.dataflows[name]
        made[f"mapping/{name}.toml"] = skeleton(catalogue, flow, member.id)
        header = ",".join(one.name for one in flow.fields if one.name not in _OURS)
        made[f"mapping/{name}.csv"] = header + "\n"
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, text.encode(), 0o644)
    return sorted(made)


_OURS = ("revision", "action")
"""Fields that the spool keeps where a file has none."""


def skeleton(catalogue: Catalogue, flow: Dataflow, member: str) -> str:
    """A mapping that reads a file whose columns are called like the fields."""
    lines = [_HEADER.format(flow=flow.id, member=member)]
    for one in flow.fields:
        if one.name in (*_OURS, "record_id"):
            continue
        lines.append(f"[fields.{one.name}] # {'; '.join(_about(catalogue, one))}")
        lines.append(f'column = "{one.name}"')
        lines.append("")
    return "\n".join(lines)


def agreement(
    catalogue: Catalogue, member: Member, registry: KeyRegistry, language: str
) -> str:
    """The agreement as a page in one language."""
    terms = member.agreement
    if terms is None:
        raise InvalidError(f"providers/{member.id}.toml has no [agreement]")
    say = _labels(language)
    lines = [
        f"# {say['title']}",
        "",
        f"- {say['who']}: {getattr(member.title, language)}",
        f"- {say['id']}: {member.member}",
        f"- {say['purpose']}: {getattr(terms.purpose, language)}",
        f"- {say['since']}: {terms.since}",
        f"- {say['until']}: {terms.until}",
        f"- {say['reads']}: {say['yes' if member.reads else 'no']}",
        "",
    ]
    for name in member.provides:
        flow = catalogue.dataflows[name]
        lines += [
            f"## {say['provides']}: {getattr(flow.title, language)} ({name})",
            "",
            f"- {say['purpose']}: {getattr(flow.purpose, language)}",
            f"- {say['basis']}: {getattr(flow.legal_basis, language)}",
            f"- {say['kept']}: {flow.retention_days}",
            "",
        ]
    own = [f"`{one.key_id}`" for one in _keys_of(registry, member)]
    topics = [f"`{one.name}` {one.operation}" for one in _rights_of(catalogue, member)]
    lines += [f"- {say['keys']}: {', '.join(own) or '–'}"]
    lines += [f"- {say['topics']}: {', '.join(topics)}", ""]
    for word in ("member_signs", "hub_signs"):
        lines += [f"{say[word]}: ______________________________", ""]
    return "\n".join(lines)


def draft(catalogue: Catalogue, member: str, since: str, until: str) -> str:
    """An agreement's file with everything left open."""
    flows = [one.id for one in catalogue.dataflows.values() if not one.reserved]
    return DRAFT.format(
        member=member,
        upper=member.upper(),
        instance=catalogue.instance,
        flows=", ".join(flows),
        since=since,
        until=until,
    )


def _about(catalogue: Catalogue, one: Field) -> Iterator[str]:
    yield str(one.kind)
    if one.required:
        yield "required"
    if one.role is Role.IDENTIFIER:
        yield "ends at intake"
    if one.codelist is not None:
        codes = list(catalogue.codelists[one.codelist].codes)
        more = ", …" if len(codes) > _CODES_MAX else ""
        yield f"{one.codelist}: {', '.join(codes[:_CODES_MAX])}{more}"


def _keys_of(registry: KeyRegistry, member: Member) -> Iterator[Key]:
    yield from (one for one in registry.keys.values() if one.member == member.member)


def _rights_of(catalogue: Catalogue, member: Member) -> list[Acl]:
    table = acls(catalogue)
    return [
        one for one in table if one.principal == member.id and one.resource == "TOPIC"
    ]


def _labels(language: str) -> Mapping[str, str]:
    texts = tomllib.loads(_LABELS.read_text("utf-8"))
    return {name: text[language] for name, text in texts.items()}
