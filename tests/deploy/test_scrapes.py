"""Who shows metrics, on which address, and who is told: all descriptions agree."""

from __future__ import annotations

import fnmatch
import importlib
import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from hub.edge.settings import METRICS_HOST, from_environment
from tests.deploy.described import ROOT, STAGES, WORKERS, pods, ran

EVERYWHERE = "0.0.0.0"  # noqa: S104 - as in a container
FOLDER = ROOT / "deploy" / "prometheus"


def scraped(name: str) -> dict[str, Any]:
    """The one job of a configuration."""
    text = (FOLDER / name).read_text("utf-8")
    [job] = importlib.import_module("yaml").safe_load(text)["scrape_configs"]
    return dict(job)


def test_a_process_of_compose_is_scraped_where_it_listens(
    compose: dict[str, Any],
) -> None:
    """On an address that another container reaches, under the name it has there."""
    listening = {}
    for name in (*WORKERS, "gateway"):
        one = compose["services"][name]
        settings = from_environment(one["environment"])
        assert settings.metrics_host == EVERYWHERE != METRICS_HOST, name
        assert {*one["networks"]} & {*compose["services"]["prometheus"]["networks"]}
        listening[name] = f"{name}:{settings.metrics_port}"

    named = [
        address
        for one in json.loads((FOLDER / "targets/compose.json").read_text())
        for address in one["targets"]
    ]
    assert sorted(named) == sorted(listening.values())


def test_prometheus_of_compose_finds_the_addresses(compose: dict[str, Any]) -> None:
    """Its configuration is the mounted folder's, and looks into the folder of files."""
    one = compose["services"]["prometheus"]
    mounts = {text.split(":")[1]: text.split(":")[0] for text in one["volumes"]}
    [config] = [w for w in one["command"] if w.startswith("--config.file=")]
    path = PurePosixPath(config.partition("=")[2])
    assert mounts[str(path.parent)] == str(FOLDER)
    assert path.name == "prometheus.yml"

    [found] = scraped(path.name)["file_sd_configs"]
    assert any(
        fnmatch.fnmatch("targets/compose.json", pattern) for pattern in found["files"]
    )


def test_the_gateway_listens_for_prometheus_beside_its_inner_listener(
    compose: dict[str, Any], manifests: list[dict[str, Any]]
) -> None:
    """That one is on loopback; the same port for both would leave only it."""
    [pod] = [pod for name, pod in pods(manifests) if name == "gateway"]
    ports = [settings_of(manifests).metrics_port]
    ports += [
        from_environment(compose["services"]["gateway"]["environment"]).metrics_port
    ]
    commands = [
        pod["containers"][0]["command"],
        compose["services"]["gateway"]["command"],
    ]
    for port, command in zip(ports, commands, strict=True):
        assert int(command[command.index("--port") + 1]) != port


def settings_of(manifests: list[dict[str, Any]]) -> Any:
    """What the pods' environment says."""
    [found] = [one for one in manifests if one["kind"] == "ConfigMap"]
    return from_environment(found["data"])


def test_a_pod_is_scraped_where_it_listens(manifests: list[dict[str, Any]]) -> None:
    """Settings, container port, annotation, policy, service: one number."""
    settings = settings_of(manifests)
    port = settings.metrics_port
    assert settings.metrics_host == EVERYWHERE
    for one in manifests:
        if one["kind"] not in {"StatefulSet", "Deployment"}:
            continue
        template = one["spec"]["template"]
        assert template["metadata"]["annotations"] == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port),
        }
        [container] = template["spec"]["containers"]
        assert {"name": "metrics", "containerPort": port} in container["ports"]
        assert {"configMapRef": {"name": "kerwen-settings"}} in container["envFrom"]
        labels = template["metadata"]["labels"]
        [service] = [
            each["spec"]
            for each in manifests
            if each["kind"] == "Service"
            and each["spec"].get("clusterIP") == "None"
            and each["spec"]["selector"].items() <= labels.items()
        ]
        assert service["ports"] == [
            {"name": "metrics", "port": port, "targetPort": "metrics"}
        ]
    [policy] = [
        one["spec"]
        for one in manifests
        if (one["kind"], one["metadata"]["name"])
        == ("NetworkPolicy", "from-prometheus")
    ]
    assert policy["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port}]


def test_prometheus_of_kubernetes_asks_for_every_service(
    manifests: list[dict[str, Any]],
) -> None:
    """By the records that the cluster's name server has for ports called metrics."""
    [found] = scraped("kubernetes.yml")["dns_sd_configs"]
    services = [
        one["metadata"]
        for one in manifests
        if one["kind"] == "Service" and one["spec"]["ports"][0]["name"] == "metrics"
    ]

    assert len(services) == len(STAGES) + 1
    assert sorted(found["names"]) == sorted(
        f"_metrics._tcp.{one['name']}.{one['namespace']}.svc.cluster.local"
        for one in services
    )


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_prometheus_reads_its_configuration(name: str) -> None:
    """And every file of rules; the job is called as the alerts call it."""
    assert "SUCCESS" in ran("promtool", "check", "config", str(FOLDER / name))
    assert scraped(name)["job_name"] == "kerwen"
