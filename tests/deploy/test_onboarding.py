"""A ministry and a member join a running hub, and leave it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.cli import joining
from hub.cli.main import main
from hub.core.errors import EnvelopeError, HubError, RetriableError
from hub.core.topics import VINTAGES
from hub.edge import enacting, kafka, keyring, passes, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from tests.deploy.rail.world import AGREEMENT, MAPPING, copied, journeys

pytestmark = pytest.mark.e2e

Verb = Callable[..., tuple[int, dict[str, Any]]]

READER = """\
id = "icrc"
member = "TM/UN/ICRC/HUB"
title = { en = "Observer", ru = "Наблюдатель", tk = "Synçy" }
provides = []
reads = true

[agreement]
since = "2025-01-01"
until = "2030-12-31"
purpose = { en = "Indicators", ru = "Показатели", tk = "Görkezijiler" }
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Broker and intake, with a catalogue of its own that knows no railway's agency."""
    root = tmp_path_factory.mktemp("onboarding")
    folder = copied(root / "catalogue", member=False)
    settings = Settings(home=Home(root=root / "home"), catalogue=folder)
    plan = Plan(workers={"intake": 1}, quick=True)
    with Supervisor(settings, plan) as made:
        yield made


@pytest.fixture
def verb(
    hub: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Verb:
    """Runs the command in the hub's home; code and object."""
    for name, value in hub.settings.environment().items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """One step of the desk fails, as if the brokers went away."""
    with monkeypatch.context() as patch:
        patch.setattr(joining.Desk, name, away)
        yield


def away(*_: object) -> None:
    """In place of what needs the brokers."""
    raise RetriableError("the brokers went away")


def acts(hub: Supervisor, who: str) -> list[tuple[str, str]]:
    """Verb and subject of every act in the trail that is about somebody."""
    found = trail.read(hub.settings).acts
    return [(act.verb, act.subject) for _, act in found if who in act.subject]


def test_a_ministry_joins_publishes_and_leaves(
    hub: Supervisor, verb: Verb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From an agreement to rows, each step broken off once; then out, for good."""
    join = ("onboard", "ministry", "--agreement", str(AGREEMENT))
    code, said = verb(*join, "--plan")
    assert (code, said["missing"][:2]) == (0, ["agreement", "keys"])
    assert acts(hub, "mot") == []
    assert "mot" not in read_catalogue(hub.settings.catalogue).members
    for step in ("keys", "certify", "enact", "pack", "test"):
        with broken(monkeypatch, step):
            assert verb(*join)[0] == 3, step
    code, said = verb(*join)
    assert (code, said["done"], said["test"]) == (0, [], ["rail_journey"])
    before = acts(hub, "mot")
    assert {("onboard ministry", "mot")} == set(before)
    assert verb(*join)[1]["done"] == []
    assert acts(hub, "mot") == before

    package = Path(said["package"])
    assert "Hukuk esasy" in (package / "agreement.tk.md").read_text("utf-8")
    assert (package / "mapping" / "rail_journey.toml").is_file()
    file = journeys(tmp_path / "2025.csv", 40)
    mine = ("--member", "mot", "--dataflow", "rail_journey")
    code, said = verb("publish", *mine, "--mapping", str(MAPPING), str(file))
    assert (code, said["accepted"]) == (0, 40)

    leave = ("offboard", "--member", "mot")
    code, said = verb(*leave, "--plan")
    assert said["ends"][:2] == ["permissions", "tokens"]
    assert verb(*leave)[0] == 2  # a reason is needed
    code, said = verb(*leave, "--reason", "the agency was dissolved")
    assert code == 0
    assert len(said["withdrawn"]) == 6
    with pytest.raises(HubError), kafka.consumer(hub.settings, "mot") as client:
        kafka.extents(client, [("receipts.mot", 0)])
    newest = enacting.library(hub.settings).newest()
    assert newest is not None
    [key_id] = [key for key in newest.registry.keys if key.startswith("mot-sign")]
    with pytest.raises(EnvelopeError, match="no active sign key"):
        newest.registry.signer(key_id, "TM/GOV/MOT/HUB")
    assert verb(*leave, "--reason", "again")[1]["ends"] == []
    assert acts(hub, "mot")[len(before) :] == [("offboard", "mot")]
    assert verb(*join)[0] == 1  # it was revoked; that is taken back by name first


def test_a_ministry_that_keeps_its_keys(
    hub: Supervisor, verb: Verb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keys made in its own home; the hub sees public halves, and they work."""
    agreement = tmp_path / "agreement.toml"
    text = AGREEMENT.read_text("utf-8").replace("MOT", "PORT")
    agreement.write_text(text.replace('"mot"', '"port"'), "utf-8")
    request = tmp_path / "request.json"
    asked = ("onboard", "request", "--agreement", str(agreement))
    with monkeypatch.context() as there:
        there.setenv("KERWEN_HOME", str(tmp_path / "port"))
        code, said = verb(*asked, "--output", str(request))
        assert (code, said["member"]) == (0, "port")
        first = request.read_text()
        assert verb(*asked, "--output", str(request))[1] == said
        assert request.read_text() == first  # asking again is the same request

    join = ("onboard", "ministry", "--agreement", str(agreement), "--request")
    forged = tmp_path / "forged.json"
    forged.write_text(first.replace('"use": "seal"', '"use":  "seal"', 1))
    other = json.loads(first)
    other["certificate_request"] = other["certificate_request"].replace("A", "B", 1)
    forged.write_text(json.dumps(other))
    code, failed = verb(*join, str(forged))
    assert (code, "not signed by the key" in failed["error"]) == (1, True)
    before = acts(hub, "port")
    assert verb(*join, str(request))[0] == 2  # nobody was called
    code, failed = verb(*join, str(request), "--fingerprint", "00 11")
    assert (code, "another" in failed["error"]) == (1, True)
    assert said["fingerprint"] not in failed["error"]
    assert acts(hub, "port") == before
    assert "port" not in read_catalogue(hub.settings.catalogue).members
    heard = ("--fingerprint", said["fingerprint"].upper())
    code, joined = verb(*join, str(request), *heard)
    assert (code, joined["fingerprint"]) == (0, said["fingerprint"])
    assert not (hub.home.keys / "port").exists()
    assert not (hub.home.pki / "port.pem").exists()
    again = keyring.create(
        hub.home.root, read_catalogue(hub.settings.catalogue), now_ms=1
    )
    assert not (hub.home.keys / "port").exists()
    assert {k for k in again.keys if k.startswith("port-")} == set(
        json.loads(first)["keys"]
    )

    with monkeypatch.context() as there:
        there.setenv("KERWEN_HOME", str(tmp_path / "port"))
        accept = ("onboard", "accept", "--member", "port", "--package")
        assert verb(*accept, joined["package"])[0] == 0
        mine = ("--member", "port", "--dataflow", "rail_journey", "--period", "2025")
        code, declared = verb("declare", *mine, "--incomplete")
        assert (code, declared["waiting_batches"]) == (0, 0)


def test_a_member_joins_to_read(
    hub: Supervisor, verb: Verb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may read indicators and nothing else; a ministry's word is refused.

    It leaves while the brokers are away: the act is noted when it is run again.
    """
    agreement = tmp_path / "icrc.toml"
    agreement.write_text(READER, "utf-8")
    assert verb("onboard", "ministry", "--agreement", str(agreement))[0] == 2
    code, said = verb("onboard", "member", "--agreement", str(agreement))
    assert (code, said["test"]) == (0, [VINTAGES])

    with kafka.admin(hub.settings, "icrc") as client:
        seen = {
            one["name"] for one in client.describe_topics() if not one["error_code"]
        }

    assert seen
    assert all(name.startswith("indicators.") for name in seen)

    leave = ("offboard", "--member", "icrc", "--reason", "it closed its office")
    with monkeypatch.context() as patch:
        patch.setattr(trail, "note", away)
        assert verb(*leave)[0] == 3
    assert "icrc" in passes.revoked(hub.home).members  # the gateway is closed
    assert ("offboard", "icrc") not in acts(hub, "icrc")
    assert verb(*leave)[0] == 0
    assert verb(*leave)[0] == 0
    assert acts(hub, "icrc")[1:] == [("offboard", "icrc")]
