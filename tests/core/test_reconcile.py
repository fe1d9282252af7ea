"""Conservation now: one difference at a time is found, named, and told by its age."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.books import Books, mark
from hub.core.catalogue.model import Domain
from hub.core.log import PARTITIONS_FACTS
from hub.core.reconcile import Difference, End, Line, reconcile
from hub.core.topics import (
    CELLS,
    facts_topic,
    parse_ministry,
    quiet,
    records_topic,
    sources,
)
from hub.edge.files import read_catalogue

CATALOGUE = read_catalogue()
QUIET = quiet(CATALOGUE)
LOG = bytes(range(16))
NOW_MS = 1_800_000_000_000
ONE = "ministry.sms.border_crossing/0"
SHY = "ministry.moh.service_contact/1"
Sample = tuple[str, dict[str, str], float]


def place(word: str, source: str, offset: int, **more: str) -> Sample:
    """A sample about a place, a mark where the source is quiet."""
    if source.rpartition("/")[0] in QUIET:
        return f"{word}_mark", {"source": source, **more}, mark(LOG, offset)
    return f"{word}_offset", {"source": source, **more}, offset


def healthy() -> dict[tuple[Any, ...], Sample]:
    """A hub at rest: every source at 9, every domain at 20, sums that agree."""
    made: list[Sample] = []
    for topic, number in sources(CATALOGUE, Domain.NONE):
        name = f"{topic}/{number}"
        ministry, dataflow = parse_ministry(topic)
        made += [place("position", name, 9), place("settled", name, 9)]
        domain = CATALOGUE.dataflows[dataflow].domain
        made += [
            place("covered", name, 9, into=f"{records_topic(one)}/0")
            for one in dict.fromkeys((domain, Domain.NONE))
        ]
        if topic in QUIET:
            continue
        who = {"ministry": ministry, "dataflow": dataflow, "source": name}
        for word in ("counted", "settled"):
            for outcome, value in (("accepted", 7), ("control", 3)):
                labels = {"stage": "intake", "outcome": outcome, **who}
                made.append((f"messages_{word}", labels, value))
            labels = {"stage": "intake", "outcome": "accepted", **who}
            made.append((f"rows_{word}", labels, 70))
        labels = {"stage": "dedupe", "outcome": f"o{number}", **who}
        made.append(
            ("rows_counted", labels | {"source": f"{records_topic(domain)}/0"}, 70)
        )
    for domain in Domain:
        records = f"{records_topic(domain)}/0"
        made += [place("position", records, 20), place("settled", records, 20)]
        for number in range(PARTITIONS_FACTS):
            facts = f"{facts_topic(domain)}/{number}"
            made += [
                place("covered", records, 20, into=facts),
                place("position", facts, 5),
                place("settled", facts, 5),
                place("covered", facts, 5, into=f"{CELLS}/0"),
            ]
    return {
        (name, *sorted(labels.items())): (name, labels, value)
        for name, labels, value in made
    }


def moved(offset: int) -> tuple[Sample, Sample]:
    """Intake went on in ONE: its position, and an outcome for every message."""
    labels = {
        "stage": "intake",
        "outcome": "accepted",
        "ministry": "sms",
        "dataflow": "border_crossing",
        "source": ONE,
    }
    return place("position", ONE, offset), ("messages_counted", labels, offset - 2)


def look(*changes: Sample, ends: dict[str, End] | None = None) -> dict[str, Line]:
    """The lines that are not equal, after these changes to a healthy hub."""
    samples = healthy()
    for name, labels, value in changes:
        samples[name, *sorted(labels.items())] = (name, labels, value)
    books = Books()
    for sample in samples.values():
        books.enter(*sample)
    lines = reconcile(CATALOGUE, books, ends or {}, NOW_MS)
    return {
        f"{line.ministry}/{line.dataflow}": line for line in lines if line.differences
    }


def only(found: dict[str, Line]) -> tuple[str, Line, Difference]:
    """The one difference there is."""
    ((name, line),) = found.items()
    (one,) = line.differences
    return name, line, one


def test_a_hub_at_rest_has_no_difference() -> None:
    """Every equation holds; every ministry and every domain has its line."""
    assert look() == {}
    books = Books()
    for sample in healthy().values():
        books.enter(*sample)
    lines = reconcile(CATALOGUE, books, {}, NOW_MS)
    assert len(lines) == len(sources(CATALOGUE, Domain.NONE)) // 2 + len(Domain)
    (row,) = [
        one for one in lines if (one.ministry, one.dataflow) == ("mef", "remittance")
    ]
    assert row.rows["accepted"] == row.rows["judged"] == 140


@pytest.mark.parametrize(("settled", "late"), [(9, False), (14, True)])
def test_what_dedupe_lacks_is_named_with_its_range(settled: int, late: bool) -> None:
    """Offsets from the first uncovered one to where intake is."""
    into = f"{records_topic('MOBILITY')}/0"
    name, line, one = only(
        look(
            *moved(14),
            place("settled", ONE, settled),
            place("covered", ONE, 14, into=f"{records_topic('NONE')}/0"),
        )
    )
    assert name == "sms/border_crossing"
    assert one == Difference(
        where="dedupe", source=ONE, into=into, first=10, last=14, late=late
    )
    assert line.state == ("late" if late else "open")


@pytest.mark.parametrize(("settled", "late"), [(8, False), (9, True)])
def test_a_log_that_lost_what_was_covered(settled: int, late: bool) -> None:
    """Its reader stands still below what the next stage has of it."""
    into = f"{records_topic('MOBILITY')}/0"
    name, line, one = only(
        look(place("covered", ONE, 12, into=into), place("settled", ONE, settled))
    )
    assert name == "sms/border_crossing"
    assert one == Difference(
        where="cut", source=ONE, into=into, first=10, last=12, late=late
    )
    assert line.state == ("late" if late else "open")


def test_a_worker_that_is_young_has_no_minute_ago() -> None:
    """Without a settled position nothing is called late."""
    found = look(*moved(14))
    assert found["sms/border_crossing"].state == "open"


@pytest.mark.parametrize(("since_ms", "late"), [(1_000, False), (61_000, True)])
def test_what_intake_has_not_folded_is_as_old_as_its_stamp(
    since_ms: int, late: bool
) -> None:
    """The end of the log is the brokers' word."""
    _, _, one = only(look(ends={ONE: End(last=11, since_ms=since_ms)}))
    assert one == Difference(where="intake", source=ONE, first=10, last=11, late=late)
    assert look(ends={ONE: End(last=9)}) == {}


def test_a_signed_sequence_that_never_came() -> None:
    """Missing from the log, by sequence; for a minute it may still come."""
    labels = {"source": ONE, "ministry": "sms", "dataflow": "border_crossing"}
    for age, late in ((30, False), (90, True)):
        _, _, one = only(
            look(
                ("lane_missing", labels, 2),
                ("lane_expected", labels, 5),
                ("lane_since", labels, NOW_MS // 1000 - age),
            )
        )
        assert one == Difference(where="log", source=ONE, first=5, last=6, late=late)


def test_rows_that_vanish_and_rows_that_double_are_found() -> None:
    """Coverage agrees and the sums do not: too few, or too many."""
    labels = {
        "stage": "dedupe",
        "outcome": "o0",
        "ministry": "sms",
        "dataflow": "border_crossing",
        "source": f"{records_topic('MOBILITY')}/0",
    }
    _, line, one = only(look(("rows_counted", labels, 69)))
    assert (one.where, one.first, one.late, line.state) == ("rows", 1, True, "late")
    doubled = ("rows_counted", labels, 72)
    _, _, one = only(look(doubled))
    assert (one.where, one.first, one.late) == ("rows", -2, False)
    # A minute ago as well: no worker was merely read a little later than another.
    before = [
        ("rows_settled", labels | {"outcome": "o1"}, 70),
        ("rows_settled", labels, 72),
    ]
    _, _, one = only(look(doubled, *before))
    assert (one.where, one.first, one.late) == ("rows", -2, True)


def test_sums_are_compared_also_while_rows_come_in() -> None:
    """What is on its way now is no excuse for what was missing a minute ago."""
    labels = {
        "stage": "dedupe",
        "outcome": "o0",
        "ministry": "sms",
        "dataflow": "border_crossing",
        "source": f"{records_topic('MOBILITY')}/0",
    }
    found = look(*moved(14), ("rows_counted", labels, 60))["sms/border_crossing"]
    assert [(one.where, one.late) for one in found.differences] == [
        ("dedupe", False),
        ("dedupe", False),
        ("rows", True),
    ]
    assert found.state == "late"


def test_rows_that_a_cut_holds_back_are_on_their_way() -> None:
    """Dedupe covers them and judges them when the cut is complete."""
    records = f"{records_topic('MOBILITY')}/0"
    labels = {
        "stage": "dedupe",
        "outcome": "o0",
        "ministry": "sms",
        "dataflow": "border_crossing",
        "source": records,
    }
    _, line, _ = only(
        look(("rows_counted", labels, 10), ("cut_held", {"source": records}, 3))
    )
    assert line.state == "open"


def test_a_message_without_an_outcome_is_found() -> None:
    """Position and outcomes come from one batch of the state."""
    labels = {
        "stage": "intake",
        "outcome": "accepted",
        "ministry": "sms",
        "dataflow": "border_crossing",
        "source": ONE,
    }
    _, _, one = only(look(("messages_counted", labels, 6)))
    assert (one.where, one.first, one.late) == ("messages", 1, True)


def test_the_domains_are_reconciled_as_well() -> None:
    """Dedupe to aggregate, aggregate to release, and changes of facts."""
    records, facts = f"{records_topic('NONE')}/0", f"{facts_topic('NONE')}/2"
    name, _, one = only(look(place("covered", records, 18, into=facts)))
    assert (name, one.where, one.first, one.last) == ("/NONE", "aggregate", 19, 20)
    _, _, one = only(look(place("covered", facts, 4, into=f"{CELLS}/0")))
    assert (one.where, one.first, one.last, one.late) == ("release", 5, 5, True)
    written = {"stage": "dedupe", "dataflow": "nap_activity", "source": records}
    _, _, one = only(look(("facts_counted", written, 4), ("facts_settled", written, 3)))
    assert (one.where, one.first, one.late) == ("facts", 4, True)


@pytest.mark.parametrize(("settled", "state"), [(14, "late"), (11, "equal")])
def test_of_a_quiet_dataflow_only_lateness_is_said(settled: int, state: str) -> None:
    """No offset, no range, no number; what still moves is not late."""
    found = look(place("position", SHY, 14), place("settled", SHY, settled))
    if state == "equal":
        assert found == {}
        return
    for line in found.values():
        assert line.quiet
        assert line.state == "late"
        for one in line.differences:
            assert (one.source, one.into, one.first, one.last) == ("", "", 0, 0)
    assert "moh/service_contact" in found


def test_a_quiet_log_is_compared_by_marks() -> None:
    """The brokers' end as a mark; equal or not."""
    same = End(last=9, mark=mark(LOG, 9), since_ms=0)
    assert look(ends={SHY: same}) == {}
    later = End(last=12, mark=mark(LOG, 12), since_ms=99_000)
    name, line, _ = only(look(ends={SHY: later}))
    assert (name, line.state) == ("moh/service_contact", "late")


def test_two_workers_that_speak_of_one_partition() -> None:
    """One was stopped and its partition went on elsewhere: the newer word counts."""
    books = Books()
    for value in (12, 9):
        books.enter("position_offset", {"source": ONE}, value)
    labels = {"stage": "dedupe", "dataflow": "x", "source": "r/0"}
    for value in (12, 9):
        books.enter("facts_counted", labels, value)
    assert books.at("position_offset", ONE) == 12
    assert books.total("facts_counted", "dedupe", "", "x") == 12


def test_marks_tell_nothing_but_equality() -> None:
    """Neighbours are far apart, and exact as a sample of Prometheus."""
    marks = [mark(LOG, offset) for offset in range(500)]
    assert len(set(marks)) == 500
    assert all(int(float(one)) == one for one in marks)
    assert marks != sorted(marks)
    assert mark(bytes(16), 3) != mark(LOG, 3)
