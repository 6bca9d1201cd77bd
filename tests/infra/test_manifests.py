"""What the manifests promise an operator: they apply again, drain, keep metrics inside, and fill no disk."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from plaudit_schemas.settings import variable_of

from tests.support.deployment import HEALTH_PORTS, INFRA, PUBLIC, built, given_to, manifests, pods

# What the API server refuses to change of an existing object, by kind.
_FIXED = {
    "Job": ("selector", "template", "completionMode"),
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    "Deployment": ("selector",),
}
_DRAIN_S = 10
_REGISTRY = "registry.example.com"
KUBERNETES = "1.34"


def refused(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> set[str]:
    """The objects that an apply of `after` over `before` could not change."""
    old = {(one["kind"], one["metadata"]["name"]): one.get("spec", {}) for one in before}
    return {
        f"{kind}/{name}"
        for kind, name, spec in (
            (one["kind"], one["metadata"]["name"], one.get("spec", {}))
            for one in after
            if one["kind"] in _FIXED
        )
        if (kind, name) in old
        and any(old[kind, name].get(field) != spec.get(field) for field in _FIXED[kind])
    }


def _changed(folder: Path, path: str, before: str, after: str) -> None:
    text = (folder / path).read_text(encoding="utf-8")
    assert before in text
    (folder / path).write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the manifests that a test may change, as an operator does."""
    return Path(shutil.copytree(INFRA / "kubernetes", tmp_path / "kubernetes"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        pytest.param("production/kustomization.yaml", "newTag: 0.1.0", "newTag: 0.2.0", id="another tag"),
        pytest.param(
            "production/kustomization.yaml", "registry.example.com", "other:5000/a", id="another registry"
        ),
        pytest.param("base/plaudit.env", "kafka.kafka:9092", "kafka.kafka:9094", id="another address"),
        pytest.param("base/worker.env", "=45", "=60", id="another setting"),
    ],
)
def test_everything_can_be_applied_again(tree: Path, path: str, before: str, after: str) -> None:
    first = built(tree / "production")
    _changed(tree, path, before, after)
    if before == _REGISTRY:  # an operator who moves images gives them a new tag, too
        _changed(tree, path, "newTag: 0.1.0", "newTag: 0.1.1")
    again = built(tree / "production")
    assert first != again
    assert refused(first, again) == set()


def test_a_job_that_could_not_be_applied_again_is_seen(tree: Path) -> None:
    first = built(tree / "production")
    _changed(tree, "production/kustomization.yaml", "newTag: 0.1.0", "newTag: 0.2.0")
    again = built(tree / "production")
    for one in (*first, *again):
        one["metadata"]["name"] = one["metadata"]["name"].replace("-0.1.0", "").replace("-0.2.0", "")
    assert refused(first, again) == {"Job/plaudit-topics"}


def test_a_jobs_name_is_one(tree: Path) -> None:
    (job,) = [one for one in built(tree / "production") if one["kind"] == "Job"]
    assert job["metadata"]["name"] == "plaudit-topics-0.1.0"
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", job["metadata"]["name"])


@pytest.mark.parametrize("name", PUBLIC)
def test_who_is_reached_ends_after_its_routes_are_gone(name: str) -> None:
    pod = pods()[f"plaudit-{name}"]
    (container,) = pod["containers"]
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert waits >= _DRAIN_S
    assert pod["terminationGracePeriodSeconds"] >= waits + 30, "time to answer what is under way"


def test_pods_that_only_wait_do_not_block_a_drain() -> None:
    budgets = [one["spec"] for one in manifests() if one["kind"] == "PodDisruptionBudget"]
    assert budgets
    assert {budget.get("unhealthyPodEvictionPolicy") for budget in budgets} == {"AlwaysAllow"}


def test_scratch_space_has_a_limit() -> None:
    volumes = [
        (name, volume["emptyDir"]) for name, pod in pods().items() for volume in pod.get("volumes", ())
        if "emptyDir" in volume
    ]  # fmt: skip
    assert len(volumes) >= 7
    assert [name for name, volume in volumes if "sizeLimit" not in volume] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_metrics_are_not_where_people_come(name: str) -> None:
    given = given_to(pods()[f"plaudit-{name}"]["containers"][0])
    assert given[variable_of(f"{name}_health_port")] == str(HEALTH_PORTS[name])
    assert given[variable_of(f"{name}_trusted_proxies")], "else every visitor has the Ingress' address"
    (service,) = [
        one for one in manifests() if (one["kind"], one["metadata"]["name"]) == ("Service", f"plaudit-{name}")
    ]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


def _policies() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"] for one in manifests() if one["kind"] == "NetworkPolicy"}


def test_only_prometheus_reaches_metrics() -> None:
    for name, policy in _policies().items():
        for rule in policy.get("ingress", ()):
            ports = {port["port"] for port in rule["ports"]}
            inside = [source["namespaceSelector"]["matchLabels"] for source in rule.get("from", ())]
            if "health" in ports:
                assert inside == [{"kubernetes.io/metadata.name": "monitoring"}], name
            else:
                assert ports == {"http"}, name


def _let_out(port: int) -> bool:
    rules = [rule for rule in _policies()["plaudit-default"]["egress"] if "to" not in rule]
    ports = [allowed for rule in rules for allowed in rule["ports"]]
    return any(each["port"] <= port <= each.get("endPort", each["port"]) for each in ports)


def _addresses() -> Iterator[tuple[str, int]]:
    for one in manifests():
        if one["kind"] == "ConfigMap":
            for variable, value in one["data"].items():
                for port in re.findall(r":(\d+)", value) if variable.endswith(("_SERVERS", "_URL")) else ():
                    yield variable, int(port)


def test_services_with_tls_and_passwords_can_be_reached() -> None:
    assert [name for name, port in _addresses() if not _let_out(port)] == []
    usual = {
        "TLS": 9093,
        "SASL and TLS": 9094,
        "SCRAM on MSK": 9096,
        "Redis with TLS": 6380,
        "a registry with TLS": 8443,
    }
    assert [what for what, port in usual.items() if not _let_out(port)] == []
    assert not _let_out(22)


@pytest.mark.slow
def test_keda_asks_a_kafka_that_wants_a_password(tree: Path) -> None:
    _changed(tree, "production/kustomization.yaml", "  # - ../keda-secured", "  - ../keda-secured")
    made = {(one["kind"], one["metadata"]["name"]): one for one in built(tree / "production")}
    (trigger,) = made["ScaledObject", "plaudit-worker"]["spec"]["triggers"]
    authentication = made["TriggerAuthentication", trigger["authenticationRef"]["name"]]
    given = {each["parameter"]: each for each in authentication["spec"]["secretTargetRef"]}
    assert {"sasl", "tls", "username", "password", "ca"} == set(given)
    assert {each["name"] for each in given.values()} == {"plaudit"}
    readme = (INFRA / "README.md").read_text(encoding="utf-8")
    assert [each["key"] for each in given.values() if f"`{each['key']}`" not in readme] == []
    for one in made.values():
        if not one["apiVersion"].startswith("keda.sh"):
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_every_key_of_a_secret_is_told() -> None:
    """An operator makes the Secrets by hand, by the list in the README."""
    told = (INFRA / "README.md").read_text(encoding="utf-8")
    keys = {
        entry["valueFrom"]["secretKeyRef"]["key"]
        for pod in pods().values()
        for entry in pod["containers"][0]["env"]
        if "secretKeyRef" in entry["valueFrom"]
    }
    assert len(keys) >= 6
    assert {key for key in keys if f"`{key}`" not in told} == set()


def test_the_components_are_all_in_the_readme() -> None:
    readme = (INFRA / "README.md").read_text(encoding="utf-8")
    found = {path.parent.name for path in (INFRA / "kubernetes").glob("*/kustomization.yaml")}
    assert {name for name in found - {"base", "production"} if f"`{name}`" not in readme} == set()
