"""From an empty machine: what is handed out is what each process needs, and no more."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509

from hub.cli.main import main
from hub.core.errors import MachineError
from hub.edge import custodians, keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded import pki
from hub.gateway.serve import build as build_gateway
from tests.deploy.described import ROOT, WORKERS
from tests.faults.world import tiny

HOST = "hub.example"
LOCKED = ("intake", "release")


@pytest.fixture(scope="module")
def handout() -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location(
        "handout", ROOT / "deploy" / "handout.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Where the custodians are: nothing so far."""
    folder = tmp_path_factory.mktemp("custodians")
    catalogue = tiny(folder / "catalogue")
    return Settings(home=Home(root=folder / "home"), catalogue=catalogue)


@pytest.fixture(scope="module")
def out(handout: ModuleType, settings: Settings) -> Path:
    """What is handed out."""
    folder = settings.home.root.parent / "out"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.environment().items():
            patch.setenv(name, value)
        assert handout.main([str(folder), "--gateway", HOST]) == 0
    return folder


def mounted(compose: dict[str, Any], name: str, out: Path, home: Path) -> Home:
    """A container's home: what the compose file mounts, of what was handed out."""
    for text in compose["services"][name]["volumes"]:
        source, target, *_ = text.split(":")
        for kind in ("keys", "pki"):
            if not source.startswith(f"{ROOT / kind}/"):
                continue
            given = out / kind / Path(source).relative_to(ROOT / kind)
            place = home / target.removeprefix("/kerwen/")
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if given.is_dir():
                shutil.copytree(given, place)
            else:
                shutil.copy2(given, place)
    return Home(root=home)


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_starts_with_what_it_is_given(
    compose: dict[str, Any], settings: Settings, out: Path, tmp_path: Path, worker: str
) -> None:
    """Its keys, opened by two custodians where they are locked, and its certificate."""
    stage = WORKERS[worker]
    home = mounted(compose, worker, out, tmp_path / "home")
    here = Settings(home=home, catalogue=settings.catalogue)
    build = importlib.import_module(f"agents.{stage}").build
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERWEN_UNLOCKED", str(tmp_path / "unlocked" / "keys"))
        if stage in LOCKED:
            with pytest.raises(MachineError, match="is locked: two custodians unlock"):
                build(here)
            unlocked(compose, settings, out, home, worker)
        made, plan = build(here)

    assert (made.name, len(plan.inputs) > 0) == (stage, True)
    assert {path.name for path in home.pki.iterdir()} == {"ca.pem", f"{stage}.pem"}
    assert {path.name for path in home.keys.iterdir()} == {stage, "registry.json"}


def unlocked(
    compose: dict[str, Any], settings: Settings, out: Path, home: Home, worker: str
) -> None:
    """What custodians do in the container beside a worker: same memory, same path."""
    beside = f"custody-{WORKERS[worker]}"
    places = [
        (one["environment"]["KERWEN_UNLOCKED"], *text.split(":")[:2])
        for one in (compose["services"][name] for name in (worker, beside))
        for text in one["volumes"]
        if text.startswith("unlocked-")
    ]
    assert len(places) == 2
    assert places[0] == places[1]
    assert places[0][0].startswith(f"{places[0][2]}/")
    shutil.rmtree(home.root)
    mounted(compose, beside, out, home.root)
    room = settings.home.keys / custodians.DEVELOPMENT
    shares = [f"--share={path}" for path in sorted(room.glob("share-*.txt"))[:2]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERWEN_HOME", str(home.root))
        assert main(["keys", "unlock", *shares, "--json"]) == 0
    assert not (home.root / "pki").exists()
    shutil.rmtree(home.root)
    mounted(compose, worker, out, home.root)


def test_topics_clock_and_gateway_have_what_they_need(
    compose: dict[str, Any], settings: Settings, out: Path, tmp_path: Path
) -> None:
    """The control key with its certificate here, no key at all there."""
    home = mounted(compose, "topics", out, tmp_path / "topics")
    assert keyring.control(home.root).control.key_id.startswith("control-")
    assert {path.stem for path in home.pki.iterdir()} == {"ca", "admin", "control"}

    home = mounted(compose, "calendar", out, tmp_path / "calendar")
    assert keyring.control(home.root).control.key_id.startswith("control-")
    assert {path.stem for path in home.pki.iterdir()} == {"ca", "control"}

    home = mounted(compose, "gateway", out, tmp_path / "gateway")
    gateway, store = build_gateway(Settings(home=home, catalogue=settings.catalogue))
    store.close()
    assert gateway.tables()
    assert list((home.keys / "gateway").iterdir()) == []


def test_who_listens_is_called_by_its_name(compose: dict[str, Any], out: Path) -> None:
    """Three brokers of one principal, each for its own host; the gateway for its."""
    hosts = {f"{name}/broker": name for name in ("kafka-1", "kafka-2", "kafka-3")}
    for place, host in {**hosts, "gateway/gateway": HOST}.items():
        content = (out / "pki" / f"{place}.pem").read_bytes()
        certificate = x509.load_pem_x509_certificate(content)
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
        assert names == ["localhost", host]
    for host in hosts.values():
        said = compose["services"][host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
        assert said == f"TLS://{host}:9093"


def test_nobody_reads_what_is_anothers(out: Path, settings: Settings) -> None:
    """Files are their owner's alone; what custodians keep is not handed out."""
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    names = {path.name for path in files}
    assert len((out / "keys" / "grafana-password").read_text()) == 24
    assert names.isdisjoint({"ca.key", "custody.json"})
    assert not any("share" in name or "seal" in name for name in names)
    members = set(read_catalogue(settings.catalogue).members)
    assert members.isdisjoint(path.name for path in (out / "keys").iterdir())


def test_a_second_time_changes_keys_of_nobody(
    handout: ModuleType, settings: Settings, out: Path
) -> None:
    """Only who listens has a new certificate, of the same authority."""
    before = {p: p.read_bytes() for p in (out / "keys").rglob("*") if p.is_file()}
    handout.hand_out(settings.home, out, [HOST])

    assert {p: p.read_bytes() for p in (out / "keys").rglob("*") if p.is_file()} == (
        before
    )


def test_without_an_authority_nobody_listens(tmp_path: Path) -> None:
    """It says whose work that is then."""
    with pytest.raises(MachineError, match="have your own authority"):
        pki.serving(Home(root=tmp_path), "broker", ["kafka-1"])
