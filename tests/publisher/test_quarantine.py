"""Quarantine against the real intake: what is refused comes back and is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hub.cli.main import main
from hub.core import avro
from hub.core.catalogue.model import Catalogue
from hub.core.envelope.seal import seal_to_member
from hub.core.errors import InvalidError
from hub.core.messages import Quarantine, QuarantinedRow, encode
from hub.publisher import accounts, ledger, mending
from hub.publisher.accounts import Account
from hub.publisher.entries import Fate
from hub.publisher.publish import Session
from hub.trials.sample import broken

FLOW = "border_crossing"


def account(session: Session) -> Account:
    """The one account there is; it adds up."""
    (one,) = accounts.accounts(session.spool)
    receipts = [accounts.refused(item) for item in ledger.items(session.spool)]
    assert one.quarantined == sum(receipts)
    return one


def publish(session: Session, rows: pl.DataFrame, path: Path) -> Any:
    """Publish rows as a file."""
    rows.write_csv(path)
    return session.publish(FLOW, path)


def spoiled(rows: pl.DataFrame, *places: int) -> pl.DataFrame:
    """Rows of which some have a code that nobody knows."""
    wrong = pl.int_range(pl.len()).is_in(places)
    return rows.with_columns(sex=pl.when(wrong).then(pl.lit("Z")).otherwise("sex"))


def edit(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """What a person does to a file to mend."""
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


def test_every_kind_of_broken_row_is_mended_and_accepted(
    desk: Any, tmp_path: Path, crossings: Any, catalogue: Catalogue
) -> None:
    """The sample's ways to be wrong go out to a file, come back right, and close."""
    flow = catalogue.dataflows[FLOW]
    ways = broken.ways(flow)
    good = crossings(2 * len(ways)).with_columns(declared_stay_days=pl.lit("5"))
    missing = [one.name for one in flow.fields if one.name not in good.columns]
    good = good.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    good = good.select(one.name for one in flow.fields)
    kinds = pl.Series([number % len(ways) for number in range(good.height)])
    bad = broken.apply(good.with_row_index("_n"), kinds, flow)
    sent_rows = bad.filter(~pl.col("_fate").str.ends_with(":source"))
    expected = sent_rows["_fate"]
    right = good[sent_rows["_n"].to_list()].drop("revision", "action")
    with desk.session() as session:
        done = publish(
            session, bad.drop("_fate", "_n", "revision", "action"), tmp_path / "a"
        )
        before = account(session)
        rows = accounts.rows(session.spool, Fate.OPEN)
        reasons = sorted(f"{one.reason}" for one in rows)
        mending.write(session.shelf, rows, tmp_path / "mend.csv", {})
        content = pl.read_csv(tmp_path / "mend.csv", infer_schema=False)

        def mend(file: pl.DataFrame) -> pl.DataFrame:
            return file.drop(right.columns).hstack(right)

        edit(tmp_path / "mend.csv", mend)
        mended = mending.from_file(session.shelf, flow, tmp_path / "mend.csv")
        between = account(session)
        sent = mending.send(session.shelf, flow, 5)
        notes = session.settle(5)
        after = account(session)
        assert sent is not None
        again = session.summary(sent)

    assert sorted(text.split(":")[1] for text in expected) == reasons
    assert set(reasons) == {
        "missing",
        "code",
        "date",
        "range",
        "text",
        "rule",
        "record",
    }
    assert (done.accepted, sum(done.quarantined.values())) == (0, len(expected))
    assert before.open == before.quarantined == len(expected)
    assert before.oldest_ms > 0
    assert set(content["quarantine_reason"]) == set(reasons)
    assert (mended.rows, mended.failing, mended.rejected) == (len(expected), (), ())
    assert (between.mended, between.open) == (len(expected), 0)
    assert notes == ()
    assert (again.accepted, again.quarantined) == (len(expected), {})
    assert again.batches == -(-len(expected) // 5)
    assert (after.quarantined, after.resent, after.waiting) == (
        len(expected),
        len(expected),
        0,
    )
    assert after.oldest_ms == 0


def test_a_value_is_set_in_the_chosen_rows(
    desk: Any, tmp_path: Path, crossings: Any, catalogue: Catalogue
) -> None:
    """What passes is ready, what still fails stays open and is named."""
    flow = catalogue.dataflows[FLOW]
    with desk.session() as session:
        publish(session, spoiled(crossings(25), 3, 13, 20), tmp_path / "a.csv")
        rows = accounts.rows(session.spool, Fate.OPEN)
        frame = session.shelf.contents(rows)
        still = mending.keep(
            session.shelf, flow, rows, mending.assigned(flow, frame, ["sex=Q"])
        )
        right = mending.assigned(flow, frame, ["sex=F", "declared_stay_days="])
        done = mending.keep(session.shelf, flow, rows[:2], right[:2])
        with pytest.raises(InvalidError, match="expected field=value"):
            mending.assigned(flow, frame, ["sexe=F"])
        with pytest.raises(InvalidError, match="not a date"):
            mending.assigned(flow, frame, ["event_date=2025-02-30"])
        with pytest.raises(InvalidError, match="one id for several rows"):
            mending.assigned(flow, frame, ["record_id=R"])
        sent = mending.send(session.shelf, flow, 100)
        session.settle(5)
        one = account(session)
        assert sent is not None
        summary = session.summary(sent)

    assert [frame["record_id"][n] for n in range(3)] == ["R-3", "R-13", "R-20"]
    assert [bad.reason for _, bad in still.failing] == ["code"] * 3
    assert still.rows == 0
    assert done.rows == 2
    assert (summary.accepted, one.resent, one.open) == (2, 2, 1)


def test_a_newer_file_closes_what_was_open(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A row corrected at its source and published again needs no mending."""
    rows = crossings(25)
    with desk.session() as session:
        publish(session, spoiled(rows, 3, 13), tmp_path / "a.csv")
        publish(session, spoiled(rows, 3), tmp_path / "b.csv")
        half = account(session)
        publish(session, rows, tmp_path / "c.csv")
        session.shelf.collect(session.broker)
        one = account(session)
        (number,) = session.spool.connection.execute(
            "SELECT count(*) FROM held WHERE sealed IS NOT NULL"
        ).fetchone()

    assert (half.quarantined, half.open, half.resent) == (3, 2, 1)
    assert (one.quarantined, one.open, one.resent) == (3, 0, 3)
    assert number == 0


def test_the_hub_may_refuse_again(
    desk: Any,
    tmp_path: Path,
    crossings: Any,
    catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row refused twice is two rows of the account, one of them open."""
    flow = catalogue.dataflows[FLOW]
    with desk.session() as session:
        publish(session, spoiled(crossings(5), 1), tmp_path / "a.csv")
        rows = accounts.rows(session.spool, Fate.OPEN)
        with monkeypatch.context() as older:  # the hub's lists are older than ours
            older.setattr(mending, "failing", lambda *_: [])
            mending.keep(session.shelf, flow, rows, session.shelf.contents(rows))
        mending.send(session.shelf, flow, 100)
        session.settle(5)
        one = account(session)

    assert (one.quarantined, one.resent, one.open) == (2, 1, 1)


def test_a_crash_while_sending_leaves_whole_batches(
    desk: Any, tmp_path: Path, crossings: Any, catalogue: Catalogue
) -> None:
    """Batch and account change together: what was not sent is still mended."""
    flow = catalogue.dataflows[FLOW]
    with desk.session() as session:
        publish(session, spoiled(crossings(9), *range(9)), tmp_path / "a.csv")
        rows = accounts.rows(session.spool, Fate.OPEN)
        right = mending.assigned(flow, session.shelf.contents(rows), ["sex=F"])
        mending.keep(session.shelf, flow, rows, right)
        calls = [0]
        real: Callable[[int], bytes] = session.sealer.entropy

        def entropy(size: int) -> bytes:
            calls[0] += 1
            if calls[0] == 6:
                raise KeyboardInterrupt
            return real(size)

        object.__setattr__(session.sealer, "entropy", entropy)
        with pytest.raises(KeyboardInterrupt):
            mending.send(session.shelf, flow, 4)
        broken_off = account(session)
        object.__setattr__(session.sealer, "entropy", real)
        mending.send(session.shelf, flow, 4)
        session.settle(5)
        one = account(session)
        taken = session.spool.connection.execute(
            "SELECT sum(rows) FROM batches WHERE sequence > 1"
        ).fetchone()[0]

    assert (broken_off.mended, broken_off.resent) == (5, 4)
    assert (one.resent, one.waiting) == (9, 0)
    assert taken == 9


def test_nobody_puts_words_into_a_ministrys_mouth(
    desk: Any, tmp_path: Path, crossings: Any, catalogue: Catalogue
) -> None:
    """Rows come from the ministry's own copy; strange answers are passed over."""
    schema = catalogue.dataflows[FLOW].schema
    with desk.session() as session:
        rows = crossings(4)
        publish(session, spoiled(rows, 2), tmp_path / "a.csv")
        (item,) = ledger.items(session.spool)
        (one,) = accounts.rows(session.spool)
        own = session.shelf.contents([one])
        key_id, public = session.sealer.own
        member = session.sealer.member.member

        def say(digest: bytes, row: int) -> None:
            forged = own.with_columns(family_name=pl.lit("INVENTED"))
            told = Quarantine(
                batch=item.batch,
                digest=digest,
                member=member,
                dataflow=FLOW,
                sequence=1,
                rows=(QuarantinedRow(row=row, reason="code", field="sex"),),
                container=avro.container(forged, schema),
            )
            sealed = seal_to_member("quarantine", member, key_id, public, encode(told))
            desk.hub.logs["quarantine.sms", 0].append(encode(sealed))

        say(item.digest, 2)  # told before
        say(item.digest, 99)  # no such row
        say(bytes(32), 0)  # no such batch
        desk.hub.logs["quarantine.sms", 0].append(b"noise")
        shelf = session.shelf
        new = shelf.collect(session.broker)
        after = shelf.contents(accounts.rows(session.spool))

    assert new == 0
    assert shelf.notes == [
        "3 answers in quarantine are about no batch of this spool and were passed over"
    ]
    assert (
        after["family_name"].to_list() == own["family_name"].to_list() == ["KARIMOVA"]
    )


def test_content_is_sealed_at_rest_and_goes(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """Neither the spool in use nor a purged one holds a name in clear."""
    rows = crossings(12).with_columns(family_name=pl.lit("GARAYAZMYRADOVA"))
    with desk.session() as session:
        publish(session, spoiled(rows, 4, 11), tmp_path / "a.csv")
        held = accounts.rows(session.spool)
        path = session.spool.path
        clear = b"".join(one.read_bytes() for one in path.parent.iterdir())
        accounts.purge(session.spool, held[:1], 1)
        one = account(session)
        session.shelf.contents(held[1:])
        accounts.purge(session.spool, held[1:], 1)
        every = account(session)
        left = session.spool.connection.execute(
            "SELECT count(sealed) FROM held"
        ).fetchone()[0]
        copies = session.spool.connection.execute(
            "SELECT count(copy), count(envelope) FROM batches"
        ).fetchone()

    assert b"GARAYAZMYRADOVA" not in clear
    assert (one.purged, one.open) == (1, 1)
    assert (every.purged, every.waiting, every.quarantined) == (2, 0, 2)
    assert (left, copies) == (0, (0, 0))


def test_rows_that_are_not_told_yet_are_absent(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """The account speaks from the receipt on, and closes nothing it does not know."""
    with desk.session() as session:
        topic = ("quarantine.sms", 0)
        rows = spoiled(crossings(5), 1, 3)
        rows.write_csv(tmp_path / "a.csv")
        real = desk.hub.read
        desk.hub.read = lambda t, s: iter(()) if t == topic[0] else real(t, s)
        session.publish(FLOW, tmp_path / "a.csv")
        before = account(session)
        desk.hub.read = real
        session.settle(0)
        after = account(session)

    assert (before.absent, before.open, before.quarantined) == (2, 0, 2)
    assert (after.absent, after.open, after.quarantined) == (0, 2, 2)


def kerwen(
    capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    """``kerwen quarantine … --json`` as sms."""
    code = main(["quarantine", *words, "--member", "sms", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_verb_works_while_brokers_are_away(
    desk: Any,
    tmp_path: Path,
    crossings: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """List, show with hints in three languages, fix, and purge only with --yes."""
    with desk.session() as session:
        publish(session, spoiled(crossings(25), 3, 13, 15), tmp_path / "a.csv")
    monkeypatch.setenv("KERWEN_HOME", str(desk.settings.home.root))
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)

    code, listed = kerwen(capsys, "list")
    assert code == 0
    assert [one["rows"] for one in listed["rows"]] == [1, 2]
    assert {(one["reason"], one["field"]) for one in listed["rows"]} == {
        ("code", "sex")
    }
    assert (
        listed["accounts"][0] | {"open": 3, "quarantined": 3} == listed["accounts"][0]
    )
    assert "no hub runs" in listed["notes"][0]

    code, shown = kerwen(capsys, "show", "--batch", listed["rows"][0]["batch"])
    (row,) = shown["rows"]
    assert (row["values"]["sex"], row["codelist"]) == ("Z", "CL_SEX_EXACT")
    assert set(row["hint"]) == {"en", "ru", "tk"}
    assert main(["quarantine", "show", "--member", "sms", "--lang", "tk"]) == 0
    said = capsys.readouterr().out
    assert "> sex                      Z" in said
    assert row["hint"]["tk"][:20] in said

    words = ("--dataflow", FLOW)
    code, done = kerwen(capsys, "fix", *words, "--set", "sex=F", "--row", "3")
    assert (code, done["rows"], done["failing"]) == (0, 2, [])
    code, done = kerwen(capsys, "fix", *words, "--as-is", "--row", "5")
    assert (code, done["failing"][0]["reason"]) == (1, "code")
    output = tmp_path / "out" / "mend.csv"
    code, _ = kerwen(capsys, "fix", *words, "--output", str(output))
    assert output.stat().st_mode & 0o077 == 0
    code, sent = kerwen(capsys, "resend", *words, "--wait", "0")
    assert (code, sent["waiting"]) == (3, 2)
    assert sent["account"]["resent"] == 2
    code, _ = kerwen(capsys, "purge", "--row", "5")
    assert code == 2
    code, purged = kerwen(capsys, "purge", "--row", "5", "--yes")
    assert (code, purged["purged"]) == (0, 1)
    _, listed = kerwen(capsys, "list")
    assert listed["accounts"][0]["closed"] is True
    code, _ = kerwen(capsys, "show")
    assert code == 1


def test_without_the_ministrys_key_nothing_is_shown(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """The spool alone says what was refused and why, and not one value."""
    with desk.session() as session:
        publish(session, spoiled(crossings(5), 1), tmp_path / "a.csv")
        rows = accounts.rows(session.spool)
        object.__setattr__(session.sealer, "seals", {})
        with pytest.raises(Exception, match="is not here"):
            session.shelf.contents(rows)
