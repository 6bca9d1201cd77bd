"""What is deployed: Compose's services, the manifests, the images, and the variables that each one gets."""

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_infra.console.settings import ConsoleSettings
from plaudit_infra.main import commands, parser
from plaudit_producers.chat.settings import ChatSettings
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.settings import DATA_VARIABLE, GROUP, installed, variable_of
from plaudit_stream_processors.review_queue.settings import ReviewQueueSettings
from plaudit_stream_processors.scoring.settings import ScorerSettings
from plaudit_stream_processors.worker.settings import WorkerSettings

from tests.support.services import ROOT, unavailable

INFRA = ROOT / "infra"
COMPOSE = INFRA / "compose" / "compose.yaml"
OURS = ("worker", "sink", "scorer", "review-queue", "gateway", "console", "chat")
IMAGES = (*OURS, "tools")
PORTS = {
    "worker": WorkerSettings.model_fields["web_port"].default,
    "sink": SinkSettings.model_fields["sink_web_port"].default,
    "scorer": ScorerSettings.model_fields["scorer_web_port"].default,
    "review-queue": ReviewQueueSettings.model_fields["review_queue_web_port"].default,
    "gateway": GatewaySettings.model_fields["gateway_port"].default,
    "console": ConsoleSettings.model_fields["console_port"].default,
    "chat": ChatSettings.model_fields["chat_port"].default,
}
PUBLIC = ("gateway", "console", "chat")
"""Those that people and clients reach. Their health and metrics have a port of their own, the next one."""
HEALTH_PORTS = {name: port + (name in PUBLIC) for name, port in PORTS.items()}
# Sample values for variables that come from Secrets or from a pod's own fields.
BY_REFERENCE = {
    "PLAUDIT_REDIS_URL": "redis://:secret@redis:6379/0",
    "PLAUDIT_KAFKA_OPTIONS": '{"security.protocol": "SASL_SSL"}',
    "PLAUDIT_KAFKA_PASSWORD": "secret",
    "PLAUDIT_GATEWAY_TOKEN_SECRET": f"first:{'s' * 32}",
    "PLAUDIT_CHAT_SECRET": "s" * 32,
    "PLAUDIT_REVIEW_SALT": "s" * 32,
    "PLAUDIT_WORKER_INSTANCE": "plaudit-worker-0",
}


def runs(arguments: list[str]) -> bool:
    """Whether `plaudit` accepts these arguments."""
    try:
        parser(commands()).parse_args(arguments)
    except SystemExit:
        return False
    return True


def known_variables() -> set[str]:
    return {variable_of(name) for cls in installed() for name in cls.model_fields}


def compose() -> dict[str, Any]:
    """The content of compose.yaml, with its YAML anchors resolved."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return document


@functools.cache
def manifests() -> list[dict[str, Any]]:
    """The manifests that `kubectl apply -k` would send for production."""
    return built(INFRA / "kubernetes" / "production")


def built(overlay: Path) -> list[dict[str, Any]]:
    """The manifests that `kubectl apply -k` would send for an overlay."""
    kubectl = shutil.which("kubectl") or unavailable("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", overlay], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def dockerfile(image: str) -> str:
    return (INFRA / "docker" / f"{image}.Dockerfile").read_text(encoding="utf-8")


def members(image: str) -> list[str]:
    """The arguments of install.sh: MEMBER[:EXTRA]."""
    found = re.search(r"install\.sh /opt/plaudit (.*)$", dockerfile(image), re.MULTILINE)
    assert found is not None
    return found[1].split()


def known_to(image: str) -> set[str]:
    """The variables that `plaudit` accepts in an image: those of the members that are installed there."""
    script = (INFRA / "docker" / "install.sh").read_text(encoding="utf-8")
    always = re.search(r"^for package in (plaudit-.*); do$", script, re.MULTILINE)
    assert always is not None
    installs = {*always[1].split(), *(member.partition(":")[0] for member in members(image))}
    points = [point for point in entry_points(group=GROUP) if point.dist and point.dist.name in installs]
    return {variable_of(name) for point in points for name in point.load().model_fields} | {DATA_VARIABLE}


def baked(image: str) -> dict[str, str]:
    """The variables that the image itself sets."""
    lines = re.findall(r"^ENV (.*)$", dockerfile(image), re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def templates() -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in manifests()
        if one["kind"] in ("StatefulSet", "Deployment", "Job")
    }


def pods() -> dict[str, dict[str, Any]]:
    return {name: template["spec"] for name, template in templates().items()}


def image_name(container: Mapping[str, Any]) -> str:
    """The short name: `worker` for `registry.example.com/plaudit-worker:0.1.0`."""
    found: str = container["image"].rpartition("/")[2].partition(":")[0].removeprefix("plaudit-")
    return found


def given_to(container: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a container, with sample values for those that come from a Secret or a field."""
    configs = {one["metadata"]["name"]: one["data"] for one in manifests() if one["kind"] == "ConfigMap"}
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found |= configs[source["configMapRef"]["name"]] if "configMapRef" in source else {}
    return found | {entry["name"]: BY_REFERENCE[entry["name"]] for entry in container["env"]}


def _by_default(value: str) -> str:
    """What Compose makes of a value where the host's variables are unset."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def environments() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Everything that runs one of our images: its name, the image, and the variables that it gets."""
    for image in IMAGES:
        yield f"{image}.Dockerfile", image, baked(image)
    for name, service in compose()["services"].items():
        if "build" in service:
            image = service["image"].removeprefix("plaudit-")
            given = {key: _by_default(value) for key, value in service["environment"].items()}
            yield f"Compose's {name}", image, baked(image) | given
    for name, pod in pods().items():
        (container,) = pod["containers"]
        image = image_name(container)
        yield f"the pod {name}", image, baked(image) | given_to(container)
