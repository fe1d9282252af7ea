"""The catalogue verb: what is there, calculators on files, the gender framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.cli.main import main

HEADER = "criterion,code,weight"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code and object of a call."""
    code = main(["catalogue", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in which nothing runs."""
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)


def test_the_list_has_every_dataflow_and_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fifteen dataflows, sixty tables and more; components are not among them."""
    code, found = said(capsys, "list")

    ids = {one["id"] for one in found["tables"]}
    assert code == 0
    assert len(found["dataflows"]) >= 15
    assert len(ids) >= 60
    assert "POP" not in ids


def test_a_calculator_reads_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The golden number, said not to be of the stream."""
    path = tmp_path / "answers.csv"
    path.write_text(f"{HEADER}\n1,1,27.05\n2,0,9\n", "utf-8-sig")

    code, found = said(capsys, "calculate", "8.8.2", "--answers", str(path))

    assert (code, found["score"]) == (0, 2.85)
    assert "not computed from events" in found["source"]


def test_policy_rounds_from_the_rows_of_a_ministry(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A file with more columns than are asked for can be used as it is."""
    path = tmp_path / "answers.csv"
    path.write_text(
        "record_id,round,domain,question_code,answer,area\n"
        "1,2024,PD_1,Q001,ABSENT,TM\n2,2025,PD_1,Q001,PARTIAL,TM\n"
    )

    _, found = said(capsys, "calculate", "mgi", "--answers", str(path))

    assert found["places"][0]["total"]["improved"] == 1
    assert main(["catalogue", "calculate", "mgi", "--answers", str(path)]) == 0
    assert "PD_1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"criterion,code\n1,1\n", "no column weight"),
        (b"\xff\xfe\x00", "no CSV in UTF-8"),
        (f"{HEADER}\n1,1,x\n".encode(), "row 2: weight is no number"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: bytes | None,
    expected: str,
) -> None:
    """Exit 1 and what to mend."""
    path = tmp_path / "answers.csv"
    if content is not None:
        path.write_bytes(content)

    code, found = said(capsys, "calculate", "8.8.2", "--answers", str(path))

    assert code == 1
    assert expected in found["error"]


def test_calculate_alone_lists_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Indicator and columns; half a call is a wrong call."""
    _, found = said(capsys, "calculate")

    assert {one["id"] for one in found["calculators"]} >= {"10.7.2", "8.8.2", "mgi"}
    assert said(capsys, "calculate", "8.8.2")[0] == 2
    assert said(capsys, "check", "8.8.2")[0] == 2


def test_the_gender_framework_says_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Sex in every table of persons, who provides it, what is not shown."""
    code, found = said(capsys, "gender")

    rows = {one["id"]: one for one in found["tables"]}
    assert (code, found["hub"]) == (0, False)
    assert found["summary"]["sex_missing"] == 0
    assert rows["FLW_IMM"]["age"] == "AGE_B"
    assert rows["FLW_IMM"]["missing"] == {"REF_AREA": "collected"}
    assert rows["LAB_GPG"]["sex_inside"]
    assert rows["EDU_RET"]["providers"] == ["moe", "sms"]
    assert rows["QLT_CMP"]["missing"] == {}
    assert rows["STK_VEL"]["area"]
