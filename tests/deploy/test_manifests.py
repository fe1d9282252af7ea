"""What is deployed: units, manifests and compose agree with the code and with tools."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ("intake", "dedupe", "aggregate", "release")


def ran(*words: str) -> str:
    """Output of a tool that must succeed."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What kustomize makes of the folder, as objects."""
    text = ran("kubectl", "kustomize", "deploy/kubernetes", "-o", "/dev/stdout")
    path = tmp_path_factory.mktemp("kubernetes") / "all.yaml"
    path.write_text(text, "utf-8")
    said = ran(str(Path(sys.executable).parent / "kubernetes-validate"), str(path))
    assert said.count("passed") == len(re.findall(r"^kind:", text, re.MULTILINE))
    # PyYAML ships no types; what is read here is plain JSON-like data.
    return list(importlib.import_module("yaml").safe_load_all(text))


def pods(manifests: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Every pod that is made, by name."""
    return [
        (one["metadata"]["name"], one["spec"]["template"]["spec"])
        for one in manifests
        if one["kind"] in {"StatefulSet", "Deployment", "Job"}
    ]


@pytest.mark.parametrize("unit", ["kerwen@.service", "kerwen-gateway.service"])
def test_units_verify(unit: str, tmp_path: Path) -> None:
    """Systemd reads every line of a unit and complains of none."""
    text = (ROOT / "deploy" / "systemd" / unit).read_text("utf-8")
    assert "/opt/kerwen/bin/" in text
    here = str(Path(sys.executable).parent)
    path = tmp_path / unit
    path.write_text(text.replace("/opt/kerwen/bin", here), "utf-8")

    assert ran("systemd-analyze", "verify", str(path)) == ""


def test_every_pod_is_hardened(manifests: list[dict[str, Any]]) -> None:
    """Nobody is root, writes to its image, gains a right or asks the cluster."""
    assert {name for name, _ in pods(manifests)} == {*STAGES, "gateway", "topics"}
    for name, pod in pods(manifests):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        for container in pod["containers"]:
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


def test_compose_gives_every_stage_its_own_keys() -> None:
    """The same of the compose file, as the tool itself resolves it."""
    text = ran("docker-compose", "-f", "docker-compose.yml", "config")

    for stage in STAGES:
        assert f"/keys/{stage}:/kerwen/keys/{stage}:ro" in text
    assert text.count("no-new-privileges:true") >= len(STAGES)
