"""What documents name is there: commands, files, topics, workers, metrics."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hub.cli.main import VERBS, parser_for
from hub.core.errors import UsageError
from hub.core.topics import topics
from hub.edge import alerts, declared
from hub.edge.files import read_catalogue

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
ROOMS = "agents|benchmarks|catalogue|deploy|docs|examples|hub|schemas|tests"
"""Folders of the repository."""
TEXTS = {page: page.read_text("utf-8") for page in PAGES}
CODE = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(rf"(?:{ROOMS})/[\w./*@-]+")
OF_ANOTHER = {"schemas/provider/*.avsc", "benchmarks/w1/.venv"}
"""Places in a folder that an operator names, or that a command makes."""
TOPIC = re.compile(
    r"(?:hub|ministry|receipts|quarantine|statements|indicators)\.[\w.<>*]+"
)
ADDRESS = re.compile(r"\b([a-z]+(?:-\d+)?):9400\b")


def name_of(page: Path) -> str:
    """For a report."""
    return str(page.relative_to(ROOT))


def fenced(text: str) -> Iterator[str]:
    """Lines of examples; a line that goes on is one."""
    inside = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside:
            yield line


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `kerwen …` in an example."""
    for line in fenced(text):
        for part in re.split(r"&&|\|\|?|;|\$\(|\)", re.sub(r"\s#.*", "", line)):
            said = re.sub(r"^\s*(?:\$ |[A-Z_]+=\S+ |\S*/(?=kerwen ))*", "", part)
            if said.startswith("kerwen "):
                yield shlex.split(said.replace("…", "x").partition(" > ")[0])[1:]


@cache
def verb(name: str) -> argparse.ArgumentParser:
    """The parser of one verb."""
    for action in parser_for([name])._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: argparse.ArgumentParser = action.choices[name]
            return found
    raise AssertionError


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_an_example_can_be_typed(page: Path) -> None:
    """With its words and options, as they stand there."""
    wrong = []
    for words in commands(TEXTS[page]):
        try:
            parser_for(words).parse_args(words)
        except UsageError as error:
            wrong.append((" ".join(words), str(error)))

    assert wrong == []


def test_examples_are_found() -> None:
    """The reader above reads."""
    text = "```\n$ A=b .venv/bin/kerwen up \\\n --port 1 && kerwen down  # x\n```"

    assert list(commands(text)) == [["up", "--port", "1"], ["down"]]
    assert sum(len(list(commands(text))) for text in TEXTS.values()) > 100


def test_every_word_and_option_that_a_sentence_names_exists() -> None:
    """Also in the texts of errors, findings and comments."""
    sources = [
        path
        for room in ("hub", "agents")
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".py", ".toml", ".html"}
    ]
    wrong, seen = [], 0
    for path in (*PAGES, *sources):
        text = re.sub(r"\"\n\s*f?\"", "", path.read_text("utf-8"))
        for said in re.findall(r"`kerwen ([^`\n]+)`", text):
            words = said.split()
            if words[0] not in VERBS:
                continue  # tests/cli/test_words.py
            seen += 1
            parser = verb(words[0])
            options = {one for a in parser._actions for one in a.option_strings}
            named = {w.split("=")[0] for w in words if re.fullmatch(r"--[a-z-]+", w)}
            actions = [a for a in parser._actions if a.dest == "action" and a.choices]
            first = words[1].rstrip(",.") if len(words) > 1 else ""
            missing = [*(named - options)]
            if actions and re.fullmatch(r"[a-z]+", first):
                missing += [first] if first not in (actions[0].choices or ()) else []
            wrong += [(name_of(path), said, one) for one in missing]

    assert wrong == []
    assert seen > 100


def test_every_place_that_a_document_names_is_there() -> None:
    """Files, folders, patterns and links."""
    wrong, seen = [], 0
    for page, text in TEXTS.items():
        for said in CODE.findall(text):
            for place in said.split():
                found = place.strip("(),;:").rstrip("/").partition("::")[0]
                if PLACE.fullmatch(found) and found not in OF_ANOTHER:
                    seen += 1
                    wrong += [] if any(ROOT.glob(found)) else [(name_of(page), found)]
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if ":" not in link and not (page.parent / link).exists():
                wrong.append((name_of(page), link))

    assert wrong == []
    assert seen > 100


def test_every_topic_that_a_document_names_exists() -> None:
    """`<…>` and `*` stand for a part, a beginning for all; other names are modules."""
    known = {one.name for one in topics(read_catalogue())}
    wrong, seen = [], 0
    for page, text in TEXTS.items():
        for said in CODE.findall(text):
            if not TOPIC.fullmatch(said):
                continue
            seen += 1
            parts = re.sub(r"<[^>]*>|\*", "*", said).split(".")
            pattern = r"\.".join(re.escape(p).replace(r"\*", ".+") for p in parts)
            pattern += r"(\..+)?"
            module = ROOT.joinpath(*parts[:3])
            is_module = module.is_dir() or module.with_suffix(".py").is_file()
            if not is_module and not any(re.fullmatch(pattern, one) for one in known):
                wrong.append((name_of(page), said))

    assert wrong == []
    assert seen > 10


def test_workers_metrics_alerts_and_variables_are_called_as_they_are() -> None:
    """By the names that processes, rules and code have."""
    hosts = set(ADDRESS.findall(_read("deploy/prometheus/targets/compose.json")))
    rules = set(alerts.read())
    code = "\n".join(
        path.read_text("utf-8")
        for room in ("hub", "agents", "deploy", "tests", "examples")
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in {".py", ".toml", ".sh", ".yml", ".yaml", ".service"}
    )
    code += _read("docker-compose.yml")
    variables = set(re.findall(r"KERWEN_[A-Z_]+", code))
    wrong = []
    for page, text in TEXTS.items():
        named = [
            *(set(ADDRESS.findall(text)) - hosts),
            *(set(re.findall(r"\bKerwen[A-Z]\w+", text)) - rules),
            *(set(re.findall(r"\bKERWEN_[A-Z_]+\b", text)) - variables),
            *(set(re.findall(r"`kerwen_([a-z_]+)", text)) - _series()),
        ]
        wrong += [(name_of(page), one) for one in named]

    assert wrong == []


def _series() -> set[str]:
    """Names of metrics, and what a histogram makes of its own."""
    found = set(declared.names())
    return found | {
        f"{one}_{end}" for one in found for end in ("bucket", "sum", "count")
    }


def _read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")
