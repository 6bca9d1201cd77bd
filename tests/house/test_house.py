"""The house's rules: who may import whom, what stays pure, how light the SDK is, what wheels hold."""

import ast
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from tests.support.services import ROOT, uv_program

MEMBERS = ("schemas", "producers", "stream_processors", "consumers", "infra")
ARROWS = {
    "schemas": set(),
    "producers": {"schemas"},
    "stream_processors": {"schemas"},
    "consumers": {"schemas"},
    "infra": {"schemas", "producers", "stream_processors", "consumers"},
}
PURE = (
    "stream_processors/plaudit_stream_processors/fold",
    "stream_processors/plaudit_stream_processors/metrics",
    "schemas/plaudit_schemas/contract",
    "consumers/plaudit_consumers/rows",
)
WIRING = {"faust", "mode", "redis", "confluent_kafka", "aiokafka"}
SDK_LOADS = {
    "annotated_types", "confluent_kafka", "cramjam", "fastavro", "pydantic", "pydantic_core",
    "typing_extensions", "typing_inspection", "yaml",
}  # fmt: skip


@cache
def imports(source: str) -> set[str]:
    """Top-level names of the absolute imports of a module's text."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def wrong_arrows(member: str, source: str) -> set[str]:
    """Other members that a module of `member` imports and must not."""
    ours = {name.removeprefix("plaudit_") for name in imports(source) if name.startswith("plaudit_")}
    return ours - ARROWS[member] - {member}


def modules(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("member", MEMBERS)
def test_arrows_point_inwards(member: str) -> None:
    found = {
        str(path): wrong_arrows(member, path.read_text()) for path in modules(f"{member}/plaudit_{member}")
    }
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_a_wrong_arrow_is_seen() -> None:
    assert wrong_arrows("producers", "def f():\n    from plaudit_consumers.rows import x") == {"consumers"}
    assert wrong_arrows("schemas", "import plaudit_infra.main") == {"infra"}
    assert wrong_arrows("infra", "import plaudit_producers") == set()


@pytest.mark.parametrize("folder", PURE)
def test_pure_logic_knows_no_wiring(folder: str) -> None:
    assert list(modules(folder))
    found = {str(path): imports(path.read_text()) & WIRING for path in modules(folder)}
    assert {path: wiring for path, wiring in found.items() if wiring} == {}
    assert imports("from redis.asyncio import Redis") & WIRING


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("tests", {"benchmarks"}),
        ("benchmarks", {"tests"}),
        ("harness", {"tests", "benchmarks", "pytest"}),
        *((member, {"tests", "benchmarks", "harness"}) for member in MEMBERS),
    ],
    ids=["tests", "benchmarks", "harness", *MEMBERS],
)
def test_what_tests_and_benchmarks_share_lies_in_the_harness(folder: str, others: set[str]) -> None:
    found = {str(path): imports(path.read_text()) & others for path in modules(folder)}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_modules_are_small() -> None:
    own = [path for member in MEMBERS for path in modules(f"{member}/plaudit_{member}")]
    lines = {
        path: len(path.read_text().splitlines()) for path in (*own, *modules("tests"), *modules("benchmarks"))
    }
    assert {path: count for path, count in lines.items() if count > 400} == {}
    assert median(lines[path] for path in own if lines[path]) < 120


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [uv_program(), "build", "--all-packages", "--wheel", "--quiet", "--out-dir", folder],
        cwd=ROOT,
        check=True,
        timeout=600,
    )
    return folder


def test_wheels_install_only_our_names(wheels: Path) -> None:
    built = sorted(wheels.glob("*.whl"))
    assert len(built) == len(MEMBERS)
    for wheel in built:
        tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        assert all(top.startswith("plaudit_") for top in tops), wheel.name


def test_the_sdk_is_light(wheels: Path, tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    subprocess.run(
        [uv_program(), "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"],
        check=True,
        timeout=300,
    )
    python = tmp_path / "venv" / "bin" / "python"
    ours = [str(path) for name in ("schemas", "producers") for path in wheels.glob(f"plaudit_{name}-*.whl")]
    subprocess.run(
        [uv_program(), "pip", "install", "--quiet", "--python", python, *ours],
        check=True,
        env=environ,
        timeout=600,
    )
    count = "from importlib.metadata import distributions; print(len(list(distributions())))"
    assert int(_output(python, tmp_path, count)) <= 10
    loaded = "import sys; import plaudit_producers, plaudit_schemas.codec.wire; print(' '.join(sys.modules))"
    modules = _output(python, tmp_path, loaded).split()
    tops = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert {top for top in tops if not top.startswith(("_", "plaudit_", "cython"))} <= SDK_LOADS
    assert len([name for name in modules if name.startswith("plaudit_")]) <= 75
    data = (
        "from plaudit_schemas.examples import examples; from plaudit_schemas.topics import definitions;"
        "from plaudit_schemas.codec.wire import Decoder; d = Decoder('conversation_event');"
        "print(len([d.decode(e.payload) for e in examples('conversation_event')]), len(definitions()))"
    )
    shown, topics = map(int, _output(python, tmp_path, data).split())
    assert shown > 10
    assert topics == 8


def _output(python: Path, folder: Path, code: str) -> str:
    done = subprocess.run(
        [python, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout
