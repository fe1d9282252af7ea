"""Who shows metrics, on which address, and who is told: all descriptions agree."""

from __future__ import annotations

import fnmatch
import importlib
import json
import re
from pathlib import PurePosixPath
from typing import Any

import pytest

from hub.edge.settings import METRICS_HOST, from_environment
from tests.deploy.described import EVERYWHERE, ROOT, STAGES, WORKERS, pods, ran

FOLDER = ROOT / "deploy" / "prometheus"


def scraped(name: str) -> dict[str, dict[str, Any]]:
    """The jobs of a configuration, by name."""
    text = (FOLDER / name).read_text("utf-8")
    jobs = importlib.import_module("yaml").safe_load(text)["scrape_configs"]
    return {one["job_name"]: dict(one) for one in jobs}


def named(job: str) -> list[str]:
    """Addresses that compose's file has for a job, ``kerwen`` where it says none."""
    return sorted(
        address
        for one in json.loads((FOLDER / "targets/compose.json").read_text())
        for address in one["targets"]
        if one.get("labels", {"job": "kerwen"}) == {"job": job}
    )


def test_a_process_of_compose_is_scraped_where_it_listens(
    compose: dict[str, Any],
) -> None:
    """On an address that another container reaches, under the name it has there."""
    listening = {}
    for name in (*WORKERS, "calendar", "gateway"):
        one = compose["services"][name]
        settings = from_environment(one["environment"])
        assert settings.metrics_host == EVERYWHERE != METRICS_HOST, name
        assert {*one["networks"]} & {*compose["services"]["prometheus"]["networks"]}
        listening[name] = f"{name}:{settings.metrics_port}"
    assert named("kerwen") == sorted(listening.values())


def test_a_broker_of_compose_is_scraped_where_it_listens(
    compose: dict[str, Any],
) -> None:
    """As another job, on a network of both: alerts on workers are not about brokers."""
    there = compose["services"]["prometheus"]["networks"]
    listening = []
    for name, one in compose["services"].items():
        said = one.get("environment", {}).get("KAFKA_OPTS", "")
        if said:
            _, host, port, _ = re.split("[=:]", said.partition("javaagent:")[2])
            assert (host, {*one["networks"]} >= {*there}) == (EVERYWHERE, True)
            listening.append(f"{name}:{port}")
    assert len(listening) == 3
    assert named("kafka") == sorted(listening)


def test_prometheus_of_compose_finds_the_addresses(compose: dict[str, Any]) -> None:
    """Its configuration is the mounted folder's, and looks into the folder of files."""
    one = compose["services"]["prometheus"]
    mounts = {text.split(":")[1]: text.split(":")[0] for text in one["volumes"]}
    [config] = [w for w in one["command"] if w.startswith("--config.file=")]
    path = PurePosixPath(config.partition("=")[2])
    assert mounts[str(path.parent)] == str(FOLDER)
    assert path.name == "prometheus.yml"

    [found] = scraped(path.name)["kerwen"]["file_sd_configs"]
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
    services: dict[str, list[str]] = {"kerwen": [], "kafka": []}
    for one in manifests:
        if one["kind"] == "Service" and one["spec"]["ports"][0]["name"] == "metrics":
            at, whose = one["metadata"], one["spec"]["selector"]
            services[whose["app.kubernetes.io/name"]].append(
                f"_metrics._tcp.{at['name']}.{at['namespace']}.svc.cluster.local"
            )
    assert [len(names) for names in services.values()] == [len(STAGES) + 2, 1]
    jobs = scraped("kubernetes.yml")
    assert {*jobs} == {*services}
    for job, names in services.items():
        [found] = jobs[job]["dns_sd_configs"]
        assert sorted(found["names"]) == sorted(names)


def test_brokers_of_kubernetes_let_prometheus_in(
    manifests: list[dict[str, Any]],
) -> None:
    """Where its service looks, on the port that the exporter has; nobody else."""
    found = {
        (one["kind"], one["metadata"]["name"]): one["spec"]
        for one in manifests
        if one["kind"] in {"Service", "NetworkPolicy"}
    }
    service = found["Service", "kafka-metrics"]
    policy = found["NetworkPolicy", "brokers-from-prometheus"]
    assert policy["podSelector"]["matchLabels"] == service["selector"]
    [rule] = policy["ingress"]
    [other] = found["NetworkPolicy", "from-prometheus"]["ingress"]
    assert rule == other
    assert rule["ports"][0]["port"] == service["ports"][0]["targetPort"]


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_prometheus_reads_its_configuration(name: str) -> None:
    """And every file of rules; the job is called as the alerts call it."""
    assert "SUCCESS" in ran("promtool", "check", "config", str(FOLDER / name))
    assert "kerwen" in scraped(name)
