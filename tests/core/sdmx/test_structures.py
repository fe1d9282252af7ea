"""Structures: complete, valid, and found by what a client asks."""

from __future__ import annotations

import json

import pytest

from hub.core import codelists
from hub.core.sdmx import ask, json_structure, ml_structure, sdg
from hub.core.sdmx.ask import Answer, Question
from hub.core.sdmx.model import Constraint, Kind, Ref, Scheme, Structure
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.core.sdmx.shelf import CONCEPT_LABELS, Shelf, constraint_ref, flow_ref, shelf
from tests.core.sdmx.messages import json_faults, xml_faults
from tests.core.sdmx.releases import catalogue

TABLES = [one.id for one in catalogue().tables.values() if not one.internal]
PRM = flow_ref("PRM_NEW")


@pytest.fixture(scope="module")
def whole() -> Shelf:
    """Everything of the catalogue, with one constraint."""
    plain = shelf(catalogue()).also(sdg.artefacts(catalogue()))
    flow = plain.flow(PRM)
    assert flow is not None
    return plain.also(
        [
            Constraint(
                ref=constraint_ref(PRM),
                name=flow.name,
                flow=PRM,
                values={"SEX": ("F", "M"), "REASON": ("WORK",)},
                start="2025-01-01",
                end="2025-12-31",
                series=2,
                observations=8,
            )
        ]
    )


def asked(
    whole: Shelf, kind: str, id_: str, references: str = "none", detail: str = "full"
) -> Answer:
    """The answer to a structure query."""
    return ask.answer(
        whole,
        Question(
            kinds=ask.kinds(kind),
            agencies=frozenset({"all"}),
            ids=frozenset({id_}),
            versions=frozenset({"latest"}),
            references=ask.references(references),
            detail=ask.detail(detail),
        ),
    )


def ids(found: Answer) -> set[str]:
    """Kinds and ids."""
    return {f"{one.ref.kind}={one.ref.id}" for one in found.artefacts}


def faults(found: Answer) -> list[str]:
    """What an answer breaks in both languages of messages."""
    ml = ml_structure.write(found.artefacts, id_="s", prepared_ms=0, stubs=found.stubs)
    js = json_structure.write(
        found.artefacts, id_="s", prepared_ms=0, stubs=found.stubs
    )
    return [
        *xml_faults("".join(ml), "sdmx21"),
        *json_faults("".join(js), "sdmx20", "structure"),
    ]


@pytest.mark.parametrize("table", [*TABLES, "DF_SDG"])
def test_every_dataflow_is_valid_and_complete(whole: Shelf, table: str) -> None:
    """Nothing that is referred to is missing from `references=all`."""
    found = asked(whole, "dataflow", table, "all")
    refs = {one.ref for one in found.artefacts}
    items = {one.ref: one.items for one in found.artefacts if isinstance(one, Scheme)}

    assert faults(found) == []
    for one in found.artefacts:
        assert set(whole.children(one.ref)) <= refs
        if isinstance(one, Structure):
            assert {part.id for part in one.components} <= items[one.concepts].keys()
            for part in one.components:
                if part.codelist is not None:
                    assert part.codes.keys() <= items[part.codelist].keys()


def test_everything_at_once_is_valid(whole: Shelf) -> None:
    """As a registry that copies us would ask."""
    assert faults(asked(whole, "structure", "all")) == []


def test_keys_are_the_tables_own() -> None:
    """FREQ, area, SEX, then the dimensions in catalogue order; all have names."""
    plain = shelf(catalogue())
    labels = catalogue().codelists[CONCEPT_LABELS].codes
    for table in catalogue().tables.values():
        flow = plain.flow(flow_ref(table.id))
        if flow is None:
            assert table.internal
            continue
        structure = plain.structure(flow)
        expected = ["FREQ", "REF_AREA", "SEX", *(one.id for one in table.dimensions)]
        assert [one.id for one in structure.dimensions] == expected
        for one in structure.components:
            assert one.id in labels or one.codelist is not None, one.id
        for one, own in zip(structure.dimensions[3:], table.dimensions, strict=True):
            assert list(one.codes) == list(codelists.published(catalogue(), own))


@pytest.mark.parametrize(
    ("references", "brought"),
    [
        ("none", set()),
        ("children", {"DataStructure=PRM_NEW"}),
        ("parents", {"ContentConstraint=CR_PRM_NEW"}),
        ("datastructure", {"DataStructure=PRM_NEW"}),
        ("contentconstraint", {"ContentConstraint=CR_PRM_NEW"}),
        ("conceptscheme", {"ConceptScheme=CS_KERWEN"}),
        ("categorisation", set()),
    ],
)
def test_references_bring_what_they_say(
    whole: Shelf, references: str, brought: set[str]
) -> None:
    """And nothing else."""
    found = ids(asked(whole, "dataflow", "PRM_NEW", references))

    assert found == {"Dataflow=PRM_NEW", *brought}


def test_parents_of_a_codelist_are_those_that_use_it(whole: Shelf) -> None:
    """One step up, and all the way."""
    parents = ids(asked(whole, "codelist", "CL_PERMIT_REASON", "parents"))
    ancestors = ids(asked(whole, "codelist", "CL_PERMIT_REASON", "ancestors"))

    assert "DataStructure=PRM_NEW" in parents
    assert "Dataflow=PRM_NEW" in ancestors - parents
    assert "ContentConstraint=CR_PRM_NEW" in ancestors


@pytest.mark.parametrize("detail", ["allstubs", "referencestubs", "referencepartial"])
def test_less_detail_is_valid_too(whole: Shelf, detail: str) -> None:
    """Stubs say that they are, partial lists hold what occurs."""
    found = asked(whole, "dataflow", "PRM_NEW", "all", detail)
    text = "".join(
        ml_structure.write(found.artefacts, id_="s", prepared_ms=0, stubs=found.stubs)
    )

    assert faults(found) == []
    assert ("isExternalReference" in text) == ("stubs" in detail)
    if detail == "referencepartial":
        lists = {one.ref.id: one for one in found.artefacts if isinstance(one, Scheme)}
        assert list(lists["CL_SEX"].items) == ["F", "M"]
        assert lists["CL_SEX"].partial
        assert list(lists["CL_PERMIT_REASON"].items) == ["WORK"]


def test_one_item_of_a_scheme(whole: Shelf) -> None:
    """The list is marked partial; an item that is not there is named."""
    question = Question(
        kinds=(Kind.CODELIST,),
        agencies=frozenset({"KERWEN"}),
        ids=frozenset({"CL_SEX"}),
        versions=frozenset({"1.0"}),
        items=frozenset({"F"}),
    )
    [found] = ask.answer(whole, question).artefacts

    assert isinstance(found, Scheme)
    assert (list(found.items), found.partial) == (["F"], True)
    with pytest.raises(RefusalError, match="no item X"):
        ask.answer(
            whole,
            Question(
                kinds=(Kind.CODELIST,),
                agencies=frozenset({"KERWEN"}),
                ids=frozenset({"CL_SEX"}),
                versions=frozenset({"1.0.0"}),
                items=frozenset({"X"}),
            ),
        )


@pytest.mark.parametrize(
    ("word", "fault"),
    [("nonsense", Fault.SYNTAX), ("categoryscheme", Fault.NOTHING)],
)
def test_other_kinds_are_refused(word: str, fault: Fault) -> None:
    """One is no kind, the other is empty here."""
    with pytest.raises(RefusalError) as caught:
        ask.kinds(word)
    assert caught.value.fault is fault


def test_unknown_words_are_refused(whole: Shelf) -> None:
    """References, details, ids, versions."""
    for call in (lambda: ask.references("cousins"), lambda: ask.detail("some")):
        with pytest.raises(RefusalError, match="expected one of"):
            call()
    with pytest.raises(RefusalError, match="no Dataflow all:NOPE"):
        asked(whole, "dataflow", "NOPE")
    question = Question(
        kinds=(Kind.FLOW,),
        agencies=frozenset({"all"}),
        ids=frozenset({"PRM_NEW"}),
        versions=frozenset({"9.9.9"}),
    )
    with pytest.raises(RefusalError, match=r"PRM_NEW\(9\.9\.9\)"):
        ask.answer(whole, question)


def test_names_are_in_three_languages(whole: Shelf) -> None:
    """In both languages of messages."""
    found = asked(whole, "codelist", "CL_SEX")
    ml = "".join(ml_structure.write(found.artefacts, id_="s", prepared_ms=0))
    js = "".join(
        json_structure.write(found.artefacts, id_="s", prepared_ms=0, language="tk")
    )
    code = json.loads(js)["data"]["codelists"][0]["codes"][0]

    for language, text in (("en", "Female"), ("ru", "Женский"), ("tk", "Aýal")):
        assert f'<com:Name xml:lang="{language}">{text}</com:Name>' in ml
        assert code["names"][language] == text
    assert code["name"] == "Aýal"


def test_urns_name_the_artefact() -> None:
    """As the standard spells them."""
    assert (
        Ref(kind=Kind.STRUCTURE, id="PRM_NEW").urn
        == "urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure="
        "KERWEN:PRM_NEW(1.0.0)"
    )
    assert (
        Ref(kind=Kind.CODELIST, id="CL_SEX")
        .item_urn("F")
        .endswith("codelist.Code=KERWEN:CL_SEX(1.0.0).F")
    )
