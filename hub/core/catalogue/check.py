"""Cross checks of a built catalogue: what no single file can know.

Rules:

- Every rule is a few lines that end in ``complain``: file, key, expected, found, mend.
  The first breach is raised.
- Members, codelists and policies are checked here; dataflows and tables, which have
  most of the rules, in :mod:`check_flows` and :mod:`check_tables`.
- Texts need no check: no :class:`Text` is made without its three languages.
- One catalogue cannot show that codes were only ever appended; that is compared between
  two (:mod:`hub.core.catalogue.growth`).
"""

from __future__ import annotations

import re

from hub.core.catalogue import lint
from hub.core.catalogue.check_flows import check_dataflow
from hub.core.catalogue.check_tables import check_table
from hub.core.catalogue.dates import FILE as DATES
from hub.core.catalogue.model import Catalogue, Codelist, Member
from hub.core.catalogue.reading import complain, near
from hub.core.reasons import Reason

NEEDED = (
    "CL_AREA",
    "CL_CONF_STATUS",
    "CL_FREQ",
    "CL_MARGIN",
    "CL_OBS_STATUS",
    "CL_REASONS",
    "CL_SEX",
    "CL_SEX_EXACT",
    "CL_UNIT",
    "CL_VINTAGE",
)
"""Codelists that the hub itself speaks."""

_CODE = re.compile(r"[!-{}~]{1,40}")  # printable ASCII, neither space nor |
_MEMBER_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
_X_ROAD = re.compile(r"[A-Z]{2,8}(/[A-Z0-9-]{2,20}){3}")
_CLASSES = ("GOV", "UN", "CSO")


def check(catalogue: Catalogue) -> None:
    """Raises CatalogueError at the first breach, in a fixed order."""
    for codelist in catalogue.codelists.values():
        _codelist(catalogue, codelist)
    for name in NEEDED:
        if name not in catalogue.codelists:
            file = f"codelists/{name.removeprefix('CL_').lower()}.toml"
            complain(
                file, "(path)", "this file: the hub itself uses it", None, "add it"
            )
    _reasons(catalogue)
    for dataflow in catalogue.dataflows.values():
        check_dataflow(catalogue, dataflow)
    _members(catalogue)
    _calendar(catalogue)
    for table in catalogue.tables.values():
        check_table(catalogue, table)
    lint.check(catalogue)


def _codelist(catalogue: Catalogue, codelist: Codelist) -> None:
    file = f"codelists/{codelist.id.removeprefix('CL_').lower()}.toml"
    for code in codelist.codes:
        if not _CODE.fullmatch(code):
            expected = "1 to 40 printable ASCII characters, no space, no |"
            complain(file, f"codes.{code}", expected, code, "use another code")
    for code in codelist.hints:
        if code not in codelist.codes:
            mend = near(code, codelist.codes)
            complain(file, f"hints.{code}", "a code of this list", code, mend)
    for name, groups in codelist.groups.items():
        if name not in catalogue.codelists:
            mend = near(name, catalogue.codelists)
            complain(file, f"groups.{name}", "a codelist's id", name, mend)
        known = catalogue.codelists[name].codes
        for code, group in groups.items():
            if group not in known:
                key = f"groups.{name}.{code}"
                complain(file, key, f"a code of {name}", group, near(group, known))


def _reasons(catalogue: Catalogue) -> None:
    """The reasons of the code and those of the file are the same, each with a hint."""
    file = "codelists/reasons.toml"
    reasons = catalogue.codelists["CL_REASONS"]
    for reason in Reason:
        for key, texts in (("codes", reasons.codes), ("hints", reasons.hints)):
            if reason.value not in texts:
                name = f"{key}.{reason.value}"
                complain(file, name, "a text for every reason", None, "add it")
    for code in reasons.codes:
        if code not in {reason.value for reason in Reason}:
            mend = near(code, [reason.value for reason in Reason])
            complain(file, f"codes.{code}", "a reason the hub gives", code, mend)


def _calendar(catalogue: Catalogue) -> None:
    """Whose word is needed can sign; what repeats is there."""
    dates = catalogue.calendar
    signing = [one.id for one in catalogue.members.values() if one.provides]
    if dates.approval and dates.approval not in signing:
        expected, mend = "a member with a signing key", near(dates.approval, signing)
        complain(DATES, "approval", expected, dates.approval, mend)
    for name in sorted(dates.repeated - {"*"}):
        if name not in catalogue.tables:
            mend = near(name, catalogue.tables)
            complain(DATES, "repeated", "tables of the catalogue", name, mend)


def _members(catalogue: Catalogue) -> None:
    seen: dict[str, str] = {}
    for member in catalogue.members.values():
        file = f"providers/{member.id}.toml"
        _member_id(catalogue, member, file)
        if member.member in seen:
            mend = f"{seen[member.member]} has it already"
            complain(file, "member", "an id of its own", member.member, mend)
        seen[member.member] = member.id
        flows = [f.id for f in catalogue.dataflows.values() if not f.reserved]
        for index, name in enumerate(member.provides):
            if name not in flows:
                key = f"provides[{index}]"
                mend = near(name, flows)
                complain(file, key, "a dataflow members can provide", name, mend)
        if not member.provides and not member.reads:
            mend = "name dataflows, or let it read"
            complain(file, "provides", "dataflows or reads = true", [], mend)


def _member_id(catalogue: Catalogue, member: Member, file: str) -> None:
    if not _MEMBER_ID.fullmatch(member.id):
        expected = "lower case letters, digits and -"
        complain(file, "id", expected, member.id, "rename the file and the id")
    if not _X_ROAD.fullmatch(member.member):
        expected = "INSTANCE/CLASS/MEMBER/SUBSYSTEM in upper case"
        complain(file, "member", expected, member.member, "write TM/GOV/SMS/HUB")
    instance, class_, _, _ = member.member.split("/")
    if instance != catalogue.instance:
        expected = f"instance {catalogue.instance} (catalogue.toml)"
        complain(file, "member", expected, instance, "use the hub's instance")
    if class_ not in _CLASSES:
        expected = f"class {', '.join(_CLASSES)}"
        complain(file, "member", expected, class_, near(class_, _CLASSES))
    if (class_ == "CSO") != member.id.startswith("cso-"):
        expected = "an id cso-… for class CSO, and only there"
        complain(file, "id", expected, member.id, "rename the file and the id")
