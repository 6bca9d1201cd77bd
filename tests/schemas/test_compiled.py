"""Compiled modules: used while they are those of the sources, and the same as plain Python in all they do."""

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from plaudit_schemas import compiled
from plaudit_schemas.compiled import (
    SUFFIX,
    CompiledFinder,
    folder_of,
    generated_name,
    how_it_runs,
    is_compiled,
    manifest_of,
    manifest_path,
)
from plaudit_schemas.compiled.build import MODULES, problem_of_compiler
from plaudit_schemas.compiled.declarations import TYPED, declarations_of

from tests.support.services import ROOT


def _run(*command: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one module, and a manifest that says that it is compiled."""
    root = tmp_path / "shop"
    folder_of(root).mkdir(parents=True)
    (root / "prices.py").write_text("TAX = 8\n")
    (folder_of(root) / f"prices{SUFFIX}").write_bytes(b"not loaded here")
    manifest_path(root).write_text(manifest_of(root, ["prices"], ["generated_1"]))
    return root


def test_a_compiled_module_is_found_while_its_source_is_the_same(package: Path) -> None:
    finder = CompiledFinder("shop", package)
    spec = finder.find_spec("shop.prices")
    assert spec is not None
    assert spec.origin == str(folder_of(package) / f"prices{SUFFIX}")
    assert finder.used == ["shop.prices"]
    assert [finder.find_spec(name) for name in ("shop.other", "bakery.prices", "shop")] == [None] * 3


def test_an_edited_source_runs_at_once(package: Path) -> None:
    (package / "prices.py").write_text("TAX = 9\n")
    finder = CompiledFinder("shop", package)
    assert not finder.has_modules
    assert finder.find_spec("shop.prices") is None


def test_new_declarations_are_another_source(package: Path) -> None:
    (package / "prices.pxd").write_text("cimport cython\n")
    assert not CompiledFinder("shop", package).has_modules


def test_a_package_without_sources_or_manifest_is_plain(package: Path, tmp_path: Path) -> None:
    (package / "prices.py").unlink()
    assert not CompiledFinder("shop", package).has_modules
    assert not CompiledFinder("bakery", tmp_path / "bakery").has_modules


def test_the_switch_leaves_compiled_modules_unused(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.SWITCH, "0")
    assert not CompiledFinder("shop", package).has_modules


def test_generated_source_is_told_by_all_that_it_refers_to() -> None:
    assert generated_name("a = 1") == generated_name("a = 1") != generated_name("a = 2")
    assert compiled.generated("nobody compiled this", {}) is None


def test_the_suffix_names_this_python() -> None:
    assert EXTENSION_SUFFIXES[0] == SUFFIX
    assert str(sys.version_info.minor) in SUFFIX


def test_declarations_come_from_the_source() -> None:
    source = (
        "from plaudit_stream_processors.fold.event import Event, other\n"
        "class Effects:\n    '''Words.'''\n    __slots__ = ('a', 'b')\n"
        "class Other:\n    __slots__ = ('c',)\n"
    )
    assert declarations_of(source).splitlines() == [
        "from plaudit_stream_processors.fold.event cimport Event",
        "cdef class Effects:",
        "    cdef public object a",
        "    cdef public object b",
    ]


def test_every_typed_class_is_in_a_module_that_is_compiled() -> None:
    names = {f"{package}.{name}" for package, modules in MODULES.items() for name in modules}
    assert set(TYPED) <= names


def test_without_a_compiler_the_build_says_so_and_succeeds() -> None:
    said = _run("-m", "plaudit_schemas.compiled.build", CC="no-such-compiler")
    assert "nothing is compiled, so Plaudit runs as plain Python, more slowly" in said
    assert "there is no C compiler no-such-compiler" in said


def test_how_it_runs_is_said() -> None:
    assert how_it_runs() == ("compiled" if is_compiled() else "as plain Python")
    script = "from plaudit_schemas.compiled import how_it_runs; print(how_it_runs())"
    assert _run("-c", script, PLAUDIT_COMPILED="0").strip() == "as plain Python"


needs_compiled = pytest.mark.skipif(problem_of_compiler() is not None, reason="no C compiler")


@needs_compiled
def test_the_sinks_columns_are_read_by_machine_code() -> None:
    script = (
        "from plaudit_consumers.rows.payload_reader import column_source\n"
        "source = column_source('finished_conversation')\n"
        "source.compile()\n"
        "print(source.emitter.is_machine_code)"
    )
    said = [_run("-c", script, PLAUDIT_COMPILED=switch).strip() for switch in "01"]
    assert said == ["False", "True"]


@needs_compiled
def test_compiled_and_plain_fold_random_logs_to_the_same_bytes() -> None:
    digest = ("-m", "tests.support.fold_digest", "3000", "1", "2", "3")
    plain, fast = _run(*digest, PLAUDIT_COMPILED="0"), _run(*digest, PLAUDIT_COMPILED="1")
    assert plain.splitlines()[0] == "as plain Python"
    assert fast.splitlines()[0] == "compiled"
    assert plain.splitlines()[1:] == fast.splitlines()[1:]


_HOT = "fold or codec or fields or counting or votes or words or step or room or wire or varint"


@pytest.mark.slow
@needs_compiled
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("folder", "words"),
    [("tests/schemas", _HOT), ("tests/stream_processors", _HOT), ("tests/consumers", "canonical")],
    ids=["schemas", "stream_processors", "consumers"],
)
def test_plain_python_passes_the_same_tests(folder: str, words: str, tmp_path: Path) -> None:
    _run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", folder, f"--basetemp={tmp_path / 'plain'}",
        "-m", "not kafka and not redis and not registry and not slow",
        "-k", words,
        PLAUDIT_COMPILED="0", CI="", PYTEST_ADDOPTS="",
    )  # fmt: skip
