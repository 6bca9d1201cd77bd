"""Compose, Kubernetes and Prometheus: what can be told without an engine or a cluster.

Each file is valid by its schema, and whatever it names of ours exists: settings, commands, ports,
health paths, files, topics, groups.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml
from plaudit_schemas.settings import DATA_VARIABLE, installed, variable_of
from plaudit_schemas.topics import definitions
from plaudit_stream_processors.worker.settings import WorkerSettings

from tests.support.deployment import (
    COMPOSE,
    HEALTH_PORTS,
    IMAGES,
    INFRA,
    OURS,
    PORTS,
    PUBLIC,
    compose,
    given_to,
    image_name,
    known_variables,
    manifests,
    pods,
    runs,
    templates,
)
from tests.support.prometheus import program
from tests.support.services import ROOT

KUBERNETES = "1.34"


def unknown_variables(text: str) -> set[str]:
    """Names that look like settings of ours and are none."""
    return set(re.findall(r"\bPLAUDIT_[A-Z0-9_]+", text)) - known_variables() - {DATA_VARIABLE}


def _files() -> Iterator[Path]:
    for folder in ("compose", "docker", "kubernetes", "prometheus", "grafana"):
        yield from (path for path in sorted((INFRA / folder).rglob("*")) if path.is_file())


@pytest.mark.parametrize("path", list(_files()), ids=lambda path: str(path.relative_to(INFRA)))
def test_every_setting_that_is_named_exists(path: Path) -> None:
    assert unknown_variables(path.read_text(encoding="utf-8")) == set()


def test_an_unknown_setting_is_seen() -> None:
    assert unknown_variables("PLAUDIT_REDIS_URL: x\nPLAUDIT_REDIS_URI: y") == {"PLAUDIT_REDIS_URI"}


def test_compose_is_valid() -> None:
    compose_spec.PyCompose.from_json(json.dumps(compose()))
    with pytest.raises(ValueError, match="imagee"):
        compose_spec.PyCompose.from_json(json.dumps({"services": {"a": {"imagee": "x"}}}))


@pytest.mark.slow
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
    assert f"127.0.0.1:8090:{PORTS['console']}" in ports
    assert f"127.0.0.1:7860:{PORTS['chat']}" in ports


def test_prometheus_finds_every_member() -> None:
    config = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    found = {
        (job["job_name"], *target["names"], target["port"])
        for job in config["scrape_configs"]
        for target in job["dns_sd_configs"]
    }
    assert found == {(f"plaudit-{name}", name, HEALTH_PORTS[name]) for name in OURS}
    assert set(OURS) <= set(compose()["services"])


@pytest.mark.slow
def test_manifests_are_valid() -> None:
    checked = [one for one in manifests() if one["apiVersion"] != "keda.sh/v1alpha1"]
    for one in checked:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    assert len(checked) >= 15
    wrong = {**checked[0], "specc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_no_service_sets_a_variable() -> None:
    """Links would make PLAUDIT_GATEWAY_PORT=tcp://... of the Service plaudit-gateway in every later pod."""
    assert {name for name, pod in pods().items() if pod.get("enableServiceLinks") is not False} == set()


def test_pods_run_what_exists_as_nobody_special() -> None:
    configs = {one["metadata"]["name"] for one in manifests() if one["kind"] == "ConfigMap"}
    for name, pod in pods().items():
        (container,) = pod["containers"]
        if name == "plaudit-tools":  # it waits for `kubectl exec`
            assert container["command"] == ["sleep", "infinity"]
        else:
            assert runs(container["args"]), name
        assert image_name(container) in IMAGES
        assert container["image"].rpartition("/")[2].partition(":")[2] not in ("", "latest")
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        sources = [*container["envFrom"]]
        assert {source["configMapRef"]["name"] for source in sources if "configMapRef" in source} <= configs
        assert all(source["secretRef"]["optional"] for source in sources if "configMapRef" not in source)
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", OURS)
def test_probes_ask_for_true_readiness(name: str) -> None:
    (container,) = pods()[f"plaudit-{name}"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"health": HEALTH_PORTS[name]} | ({"http": PORTS[name]} if name in PUBLIC else {})
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "health"}
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health/live", "port": "health"}
    grace = pods()[f"plaudit-{name}"]["terminationGracePeriodSeconds"]
    assert grace >= 30


def test_the_output_has_credentials_by_reference() -> None:
    """By the provider's own variables, or by an identity of its own."""
    accounts = {one["metadata"]["name"] for one in manifests() if one["kind"] == "ServiceAccount"}
    for name, pod in pods().items():
        (container,) = pod["containers"]
        writes = "PLAUDIT_OUTPUT" in given_to(container)
        secret = {"secretRef": {"name": "plaudit-store", "optional": True}}
        assert writes == (name in ("plaudit-sink", "plaudit-tools")), name
        # A scorer reads models there.
        assert (writes or name == "plaudit-scorer") == (secret in container["envFrom"]), name
        assert pod["serviceAccountName"] == ("plaudit-sink" if writes else "default")
    assert accounts == {"plaudit-sink"}


def test_whatever_is_scaled_leaves_the_number_to_its_scaler() -> None:
    """A number in the manifest would throw the scaler's back at each apply."""
    scalers = [one for one in manifests() if one["kind"] in ("ScaledObject", "HorizontalPodAutoscaler")]
    scaled = {
        (one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"]) for one in scalers
    }
    fixed = {
        (one["kind"], one["metadata"]["name"])
        for one in manifests()
        if one["kind"] in ("StatefulSet", "Deployment") and "replicas" in one["spec"]
    }
    assert scaled == {("StatefulSet", "plaudit-worker"), ("Deployment", "plaudit-gateway")}
    assert fixed == {
        ("StatefulSet", "plaudit-sink"),
        ("Deployment", "plaudit-scorer"),
        ("Deployment", "plaudit-review-queue"),
        ("Deployment", "plaudit-tools"),
        ("Deployment", "plaudit-console"),
        ("StatefulSet", "plaudit-chat"),
    }


def test_a_restart_fits_into_a_workers_session() -> None:
    """Static membership keeps partitions only for as long; Kafka takes 6 s to 30 min."""
    (container,) = pods()["plaudit-worker"]["containers"]
    variable = variable_of("worker_session_s")
    given = given_to(container).get(variable, WorkerSettings().worker_session_s)
    session_s = WorkerSettings.model_validate({"worker_session_s": given}).worker_session_s
    assert 30 <= session_s <= 1800


def test_workers_are_static_members_scaled_by_their_own_lag() -> None:
    (container,) = pods()["plaudit-worker"]["containers"]
    instance = next(entry for entry in container["env"] if entry["name"] == "PLAUDIT_WORKER_INSTANCE")
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    (scaled,) = [one for one in manifests() if one["kind"] == "ScaledObject"]
    (trigger,) = scaled["spec"]["triggers"]
    events = next(topic for topic in definitions() if topic.name == trigger["metadata"]["topic"])
    assert trigger["metadata"]["consumerGroup"] == WorkerSettings().worker_group
    assert scaled["spec"]["maxReplicaCount"] <= events.partitions
    target = scaled["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in {(one["kind"], one["metadata"]["name"]) for one in manifests()}


def test_no_secret_is_in_the_tree() -> None:
    assert [one for one in manifests() if one["kind"] == "Secret"] == []
    secret = {variable_of(name) for cls in installed() for name, field in cls.model_fields.items()
              if "Secret" in str(field.annotation)}  # fmt: skip
    plain = {name for one in manifests() if one["kind"] == "ConfigMap" for name in one["data"]}
    assert not plain & secret
    for pod in pods().values():
        for entry in pod["containers"][0]["env"]:
            assert "value" not in entry, "values come from the config map or by reference"


def test_the_salt_of_reviews_is_with_those_who_draw() -> None:
    """Whoever knows it can foresee what is reviewed. The page that everybody reaches does not draw."""
    files = (path for path in _files() if path.parent.name != "prometheus")  # runbooks name it
    found = {path.name for path in files if "PLAUDIT_REVIEW_SALT" in path.read_text(encoding="utf-8")}
    assert found == {"compose.yaml", "review-queue.yaml", "tools.yaml"}


def test_every_member_has_a_budget_and_a_network_policy() -> None:
    budgets = [
        one["spec"]["selector"]["matchLabels"] for one in manifests() if one["kind"] == "PodDisruptionBudget"
    ]
    assert {labels["app.kubernetes.io/name"] for labels in budgets} == {f"plaudit-{name}" for name in OURS}
    policies = {one["metadata"]["name"]: one["spec"] for one in manifests() if one["kind"] == "NetworkPolicy"}
    everything = policies["plaudit-default"]["podSelector"]["matchLabels"]
    for one in manifests():
        if one["kind"] in ("StatefulSet", "Deployment", "Job"):
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert everything.items() <= labels.items()


def _found(name: str, template: Mapping[str, Any], address: str, **more: str) -> dict[str, Any]:
    """A pod as Prometheus' discovery finds it."""
    labels = {f"__meta_kubernetes_pod_{key}": value for key, value in {"name": name, **more}.items()}
    for kind in ("label", "annotation"):
        for key, value in template["metadata"].get(f"{kind}s", {}).items():
            labels[f"__meta_kubernetes_pod_{kind}_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"] = value
    return {"targets": [address], "labels": labels}


@pytest.mark.slow
def test_prometheus_finds_every_member_in_a_cluster(tmp_path: Path) -> None:
    """The job on the pods of the manifests, by Prometheus' own relabelling.

    Debian's build knows no Kubernetes, so the pods are given; what looks for them is only compared.
    """
    config = yaml.safe_load((INFRA / "prometheus" / "kubernetes.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    (namespace,) = [one["metadata"]["name"] for one in manifests() if one["kind"] == "Namespace"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": [namespace]}}]
    found_pods = [_found(f"{name}-0", template, "10.0.0.1:1") for name, template in templates().items()]
    worker = templates()["plaudit-worker"]
    labels = {**worker["metadata"]["labels"], "app.kubernetes.io/part-of": "another"}
    job["static_configs"] = [
        *found_pods,
        _found("evicted", worker, "10.0.0.2:1", phase="Failed"),
        _found("stranger", {"metadata": {**worker["metadata"], "labels": labels}}, "10.0.0.3:1"),
        _found("plaudit-worker-1", worker, "[fd00::1]:1", phase="Running"),
    ]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = subprocess.run(
        [
            program("promtool"),
            "check",
            "service-discovery",
            "--timeout=5s",
            "prometheus.yml",
            job["job_name"],
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = [result["labels"] for result in json.loads(done.stdout) if result.get("labels")]
    assert {(one["job"], one["instance"], one["__address__"]) for one in found} == {
        *((f"plaudit-{name}", f"plaudit-{name}-0", f"10.0.0.1:{HEALTH_PORTS[name]}") for name in OURS),
        ("plaudit-worker", "plaudit-worker-1", f"[fd00::1]:{HEALTH_PORTS['worker']}"),
    }
    known = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert {one["job"] for one in found} == {one["job_name"] for one in known["scrape_configs"]}


def _rules() -> dict[str, Any]:
    text = (INFRA / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def test_the_alert_on_targets_sees_every_job() -> None:
    alerts = {rule["alert"]: rule["expr"] for rule in _rules()["groups"][0]["rules"] if "alert" in rule}
    jobs = re.search(r'job=~"(.*?)"', alerts["PlauditTargetDown"])
    assert jobs is not None
    assert all(re.fullmatch(jobs[1], f"plaudit-{name}") for name in OURS)


def _shell(document: Path) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def test_jobs_and_rules_come_into_a_cluster_as_the_readme_says(tmp_path: Path) -> None:
    """Its commands, with a kubectl that keeps what it is given."""
    stub = tmp_path / "kubectl"
    stub.write_text(f"#!/bin/sh\ncat > {tmp_path}/$3.yml\n", encoding="utf-8")  # -n NAMESPACE VERB
    stub.chmod(0o755)
    (block,) = [block for block in _shell(INFRA / "README.md") if "PrometheusRule" in block]
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-euc", block], cwd=ROOT, env={"PATH": path}, check=True, timeout=60)
    rule = yaml.safe_load((tmp_path / "apply.yml").read_text(encoding="utf-8"))
    assert (rule["kind"], rule["spec"]) == ("PrometheusRule", _rules())
    jobs = (INFRA / "prometheus" / "kubernetes.yml").read_text(encoding="utf-8")
    sent = yaml.safe_load((tmp_path / "create.yml").read_text(encoding="utf-8"))
    assert sent == yaml.safe_load(jobs)["scrape_configs"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        INFRA / "README.md",
        *(
            ROOT / "docs" / f"{name}.md"
            for name in (
                "operations",
                "encoders",
                "models",
                "publishing-models",
                "ranking",
                "scoring",
                "training-a-scorer",
            )
        ),
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_what_the_documents_run_exists(document: Path) -> None:
    text = "\n".join(_shell(document))
    ours = r"^(?:plaudit|docker compose .* run --rm(?: -v \S+)? tools|kubectl .* -- plaudit) (.*)$"
    for line in re.findall(ours, text, re.MULTILINE):
        assert runs(shlex.split(line, comments=True)), line
    for name in re.findall(r"infra/[\w/.-]+\.ya?ml", text):
        assert (ROOT / name).is_file(), name


def test_every_alert_has_a_row_for_the_one_who_is_paged() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("## At an alert")[2].partition("\n## ")[0]
    rows = set(re.findall(r"`(Plaudit\w+)`", section))
    alerts = {rule["alert"] for rule in _rules()["groups"][0]["rules"] if "alert" in rule}
    assert len(alerts) >= 15
    assert alerts - rows == set()
