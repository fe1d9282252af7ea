"""What is deployed: units, manifests and compose agree with the code and with tools."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.embedded import jars
from tests.deploy.described import EVERYWHERE, ROOT, STAGES, WORKERS, pods, ran


@pytest.mark.parametrize(
    "unit", ["kerwen@.service", "kerwen-gateway.service", "kerwen-calendar.service"]
)
def test_units_verify(unit: str, tmp_path: Path) -> None:
    """Systemd reads every line of a unit and complains of none."""
    text = (ROOT / "deploy" / "systemd" / unit).read_text("utf-8")
    assert "/opt/kerwen/bin/" in text
    here = str(Path(sys.executable).parent)
    path = tmp_path / unit
    path.write_text(text.replace("/opt/kerwen/bin", here), "utf-8")

    assert ran("systemd-analyze", "verify", str(path)) == ""


def test_a_unit_has_an_account_and_a_home_of_its_own(tmp_path: Path) -> None:
    """So nobody reads the keys of another; every account is made by one command."""
    folder = ROOT / "deploy" / "systemd"
    names = {"gateway": "kerwen-gateway", "calendar": "kerwen-calendar"}
    wanted = {f"kerwen-{name}": f"/var/lib/kerwen-{name}" for name in names}
    wanted |= {f"kerwen-{name}": f"/var/lib/kerwen/{name}" for name in WORKERS}
    for path in folder.glob("*.service"):
        said = dict(re.findall(r"^([A-Z]\w+)=(.+)$", path.read_text(), re.MULTILINE))
        home = f"/var/lib/{said['StateDirectory']}"
        assert f"Environment=KERWEN_HOME={home}\n" in path.read_text()
        for worker in WORKERS if "%i" in home else ("",):
            assert wanted[said["User"].replace("%i", worker)] == home.replace(
                "%i", worker
            )
    users = folder / "kerwen.sysusers"
    lines = [line.split() for line in users.read_text().splitlines() if line[0] == "u"]
    assert {line[1]: line[-1] for line in lines} == wanted
    (tmp_path / "etc").mkdir()
    ran("systemd-sysusers", f"--root={tmp_path}", str(users))
    made = (tmp_path / "etc" / "passwd").read_text()
    assert {line.split(":")[0] for line in made.splitlines()} == set(wanted)


def test_every_pod_is_hardened(manifests: list[dict[str, Any]]) -> None:
    """Nobody is root, writes to its image, gains a right or asks the cluster."""
    named = {name for name, _ in pods(manifests)}
    assert named == {*STAGES, "gateway", "topics", "calendar"}
    for name, pod in pods(manifests):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert "memory" in container["resources"]["limits"], name


def test_a_stage_sees_its_own_keys_only(manifests: list[dict[str, Any]]) -> None:
    """One secret of keys and one of certificates, both its own, read-only."""
    for name, pod in pods(manifests):
        secrets = {
            one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one
        }
        if name in STAGES:
            assert secrets == {f"{name}-keys", f"{name}-pki"}
            mounts = pod["containers"][0]["volumeMounts"]
            keys = [m for m in mounts if m["mountPath"] == f"/kerwen/keys/{name}"]
            assert [one["readOnly"] for one in keys] == [True]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_module_and_its_name(
    manifests: list[dict[str, Any]], stage: str
) -> None:
    """The command is a module there is; the worker bears the pod's stable name."""
    [pod] = [pod for name, pod in pods(manifests) if name == stage]
    [container] = pod["containers"]

    assert container["command"] == ["python", "-m", f"agents.{stage}"]
    assert (ROOT / "agents" / f"{stage}.py").is_file()
    [worker] = [one for one in container["env"] if one["name"] == "KERWEN_WORKER"]
    assert worker["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_everything_is_denied_first(manifests: list[dict[str, Any]]) -> None:
    """A policy that selects all pods and allows nothing."""
    policies = {
        one["metadata"]["name"]: one["spec"]
        for one in manifests
        if one["kind"] == "NetworkPolicy"
    }

    denied = policies["deny-all"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_keys_are_read_by_their_owner_alone(manifests: list[dict[str, Any]]) -> None:
    """A mounted secret is its group's as well, and such keys are refused."""
    for name, pod in pods(manifests):
        if name in STAGES:
            copying, *beside = pod["initContainers"]
            assert "install -m 0400" in copying["command"][-1]
            volumes = {one["name"]: one for one in pod["volumes"]}
            assert volumes["opened"]["emptyDir"]["medium"] == "Memory"
            assert len(beside) == (name in LOCKED)
            for custody in beside:
                at_work = pod["containers"][0]
                assert custody["restartPolicy"] == "Always"
                assert volumes["unlocked"]["emptyDir"]["medium"] == "Memory"
                for mounts in (custody["volumeMounts"], at_work["volumeMounts"]):
                    paths = {one["name"]: one["mountPath"] for one in mounts}
                    assert paths["unlocked"] == "/kerwen/unlocked"
                    assert paths["opened"] == f"/kerwen/keys/{name}"
                [given] = [one for one in custody["env"] if "UNLOCKED" in one["name"]]
                assert given in at_work["env"]


KAFKA = ("kafka-1", "kafka-2", "kafka-3")
BESIDE = ("topics", "calendar", "gateway", "prometheus", "grafana")
LOCKED = ("intake", "release")
"""Stages whose keys two custodians unlock."""


def test_compose_is_hardened(compose: dict[str, Any]) -> None:
    """Nobody is root, writes to an image or gains a right; all is bounded."""
    assert set(compose["services"]) == {
        *WORKERS,
        *KAFKA,
        *BESIDE,
        *(f"custody-{stage}" for stage in LOCKED),
    }
    for name, one in compose["services"].items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not one["user"].startswith("0"), name
        assert "mem_limit" in one, name
        assert one["logging"]["options"]["max-size"], name


def test_every_image_is_an_argument() -> None:
    """So that a deployment pins it by digest; the base of ours as well."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    images = re.findall(r"^ *image: (.+)$", text, re.MULTILINE)
    assert len(images) == 5
    assert all(re.fullmatch(r"\$\{[A-Z]+_IMAGE:-.+\}", one) for one in images)
    for name, base in (("Dockerfile", "PYTHON"), ("Dockerfile.kafka", "KAFKA")):
        made = (ROOT / "deploy" / name).read_text("utf-8")
        assert set(re.findall(r"^FROM (\S+)", made, re.MULTILINE)) == {
            f"${{{base}_IMAGE}}"
        }


def test_three_brokers_keep_what_was_acknowledged(compose: dict[str, Any]) -> None:
    """Two of three have it, and nobody who lacks it becomes the leader."""
    for name in KAFKA:
        said = compose["services"][name]["environment"]
        assert said["KAFKA_DEFAULT_REPLICATION_FACTOR"] == "3"
        assert said["KAFKA_MIN_INSYNC_REPLICAS"] == "2"
        assert said["KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE"] == "false"
        assert said["KAFKA_SSL_CLIENT_AUTH"] == "required"
    ids = {compose["services"][n]["environment"]["KAFKA_NODE_ID"] for n in KAFKA}
    assert ids == {"1", "2", "3"}


def test_a_worker_has_its_own_keys_and_state(compose: dict[str, Any]) -> None:
    """One stage's keys, read-only; a state nobody else has; a name for good."""
    states = set()
    for name, stage in WORKERS.items():
        one = compose["services"][name]
        assert one["command"] == ["python", "-m", "agents", name]
        mounts = [text.split(":") for text in one["volumes"]]
        keys = [m for m in mounts if m[1].startswith("/kerwen/keys/") and len(m) > 2]
        assert {m[1] for m in keys} == {
            f"/kerwen/keys/{stage}",
            "/kerwen/keys/registry.json",
        }
        assert {m[2] for m in keys} == {"ro"}
        states |= {m[0] for m in mounts if m[1] == "/kerwen/state"}
        # A static member is known by its host, too; an upgrade makes a new container.
        assert one["hostname"] == name
    assert len(states) == len(WORKERS)


def test_bundles_and_copies_of_states_outlive_a_pod(
    manifests: list[dict[str, Any]], compose: dict[str, Any]
) -> None:
    """One writes bundles, all read them; a stage's copies are no worker's own."""
    claims = {
        one["metadata"]["name"]: one["spec"]["accessModes"]
        for one in manifests
        if one["kind"] == "PersistentVolumeClaim"
    }
    shared = ("bundles", *(f"{stage}-checkpoints" for stage in STAGES))
    assert claims == {
        **{name: ["ReadWriteMany"] for name in shared},
        "calendar": ["ReadWriteOnce"],
    }
    for name, pod in pods(manifests):
        held = {
            one["name"]: one["persistentVolumeClaim"]["claimName"]
            for one in pod["volumes"]
            if "persistentVolumeClaim" in one
        }
        mounts = {one["name"]: one for one in pod["containers"][0]["volumeMounts"]}
        if name in STAGES:
            assert held == {"bundles": "bundles", "checkpoints": f"{name}-checkpoints"}
            assert mounts["bundles"]["readOnly"] is True
            assert mounts["checkpoints"]["mountPath"] == "/kerwen/checkpoints"
        elif name == "topics":
            assert held == {"bundles": "bundles"}
            assert "readOnly" not in mounts["bundles"]
    for name, stage in WORKERS.items():
        volumes = compose["services"][name]["volumes"]
        assert "bundles:/kerwen/bundles:ro" in volumes
        assert f"checkpoints-{stage}:/kerwen/checkpoints:rw" in volumes


def test_one_catalogue_for_all(compose: dict[str, Any]) -> None:
    """Whoever makes topics, counts or shows reads the folder that an operator names."""
    for name in (*WORKERS, "topics", "calendar", "gateway"):
        one = compose["services"][name]
        assert one["environment"]["KERWEN_CATALOGUE"] == "/kerwen/catalogue"
        assert f"{ROOT / 'catalogue'}:/kerwen/catalogue:ro" in one["volumes"]


def test_one_clock_closes_what_is_due(
    manifests: list[dict[str, Any]], compose: dict[str, Any]
) -> None:
    """Never two; the day it began outlives it, and it takes turns where topics does."""
    [spec] = [
        one["spec"]
        for one in manifests
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", "calendar")
    ]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    found = dict(pods(manifests))
    made = {}
    for name in ("calendar", "topics"):
        pod = found[name]
        [container] = pod["containers"]
        mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
        volumes = {one["name"]: one for one in pod["volumes"]}
        made[name] = {
            path: volumes[one["name"]]
            for path, one in mounts.items()
            if not one.get("readOnly")
        }
        assert "install -m 0400" in pod["initContainers"][0]["command"][-1]
        keys = volumes[mounts["/kerwen/keys/control"]["name"]]
        assert keys["emptyDir"]["medium"] == "Memory"
        assert volumes["keys"]["secret"]["secretName"] == "control-keys"
        assert volumes["pki"]["secret"]["secretName"] == f"{name}-pki"
    assert made["calendar"]["/kerwen/bundles"] == made["topics"]["/kerwen/bundles"]
    home = made["calendar"]["/kerwen"]["persistentVolumeClaim"]
    assert home == {"claimName": "calendar"}
    kept = compose["services"]["calendar"]["volumes"]
    assert {"calendar:/kerwen:rw", "bundles:/kerwen/bundles:rw"} <= {*kept}
    assert "bundles:/kerwen/bundles:rw" in compose["services"]["topics"]["volumes"]


@pytest.mark.parametrize(
    ("module", "name", "file"),
    [
        ("hub.gateway", "gateway", "hub/gateway/__main__.py"),
        ("hub.cli.clock", "calendar", "hub/cli/clock.py"),
    ],
)
def test_services_that_serve_start_what_is_there(
    module: str, name: str, file: str
) -> None:
    """Gateway and clock are named in all three ways to run them."""
    for place in (
        "docker-compose.yml",
        f"deploy/kubernetes/{name}.yaml",
        f"deploy/systemd/kerwen-{name}.service",
    ):
        assert module in (ROOT / place).read_text("utf-8")
    assert (ROOT / file).is_file()


def test_a_broker_tells_what_the_embedded_one_tells(compose: dict[str, Any]) -> None:
    """The same exporter by the same digest, the same choice, where compose looks."""
    [pin] = [
        one
        for one in jars.pins(jars.LOCK.read_text("utf-8"))
        if one.artifact == "jmx_prometheus_javaagent"
    ]
    text = (ROOT / "deploy" / "Dockerfile.kafka").read_text("utf-8").replace("\\\n", "")
    [added] = re.findall(r"^ADD .*$", text, re.MULTILINE)
    *options, source, jar = added.split()
    assert f"--checksum=sha256:{pin.digest}" in options
    place = f"{pin.group.replace('.', '/')}/{pin.artifact}/{pin.version}"
    assert source == f"${{MAVEN}}/{place}/{pin.artifact}-{pin.version}.jar"
    [copied] = re.findall(r"^COPY .*$", text, re.MULTILINE)
    *_, chosen, config = copied.split()
    assert (ROOT / chosen).samefile(jars.LOCK.with_name("jmx.yml"))
    for name in KAFKA:
        said = compose["services"][name]["environment"]["KAFKA_OPTS"]
        assert said == f"-javaagent:{jar}={EVERYWHERE}:9400:{config}"
