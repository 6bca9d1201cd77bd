"""Compiles the hot paths with Cython: `python -m plaudit_schemas.compiled.build`.

What is compiled already is not compiled again. Without a C compiler it says so and changes nothing.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.sources import generated_sources
from plaudit_schemas.compiled import (
    SUFFIX,
    folder_of,
    generated_name,
    manifest_of,
    manifest_path,
    source_of,
)
from plaudit_schemas.compiled.declarations import declarations_of

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "plaudit_schemas": (
        "codec.event_encoder",
        "codec.held",
        "codec.varint",
        "compiled.arenas",
        "contract.keys",
        "contract.log_checks",
        "contract.ratings",
        "contract.records",
        "contract.rules",
        "contract.times",
        "contract.ulid",
        "contract.words",
        "kafka.replaceable",
    ),
    "plaudit_producers": (
        "sdk.bodies",
        "sdk.client_thread",
        "sdk.content_policy",
        "sdk.encoding",
        "sdk.event_record",
        "sdk.memory_outbox",
        "sdk.parents",
        "sdk.pipeline",
        "sdk.privacy",
        "sdk.producer",
        "sdk.values",
    ),
    "plaudit_stream_processors": (
        "fold.agreement",
        "fold.aspects",
        "fold.conversation",
        "fold.counting",
        "fold.effects",
        "fold.event",
        "fold.facts",
        "fold.feedback",
        "fold.finished",
        "fold.folding",
        "fold.lifecycle",
        "fold.messages",
        "fold.raters",
        "fold.room",
        "fold.series",
        "fold.step",
        "metrics.buckets",
        "metrics.label_collector",
        "metrics.label_names",
        "metrics.label_votes",
        "metrics.votes",
        "state.cache",
        "state.commit",
        "state.fields",
        "worker.batch_fold",
        "worker.batch_labels",
    ),
}
"""The modules that are compiled, by package."""

_DIRECTIVES: Final = {"binding": True, "language_level": 3}
_BY_ANNOTATIONS: Final = ("plaudit_stream_processors",)
"""Packages in which annotations are types of C too; in others only declarations are."""


@dataclass(frozen=True, slots=True)
class SourceModule:
    """One module to compile.

    Attributes:
        name: as the module is imported.
        package: whose folder gets the compiled module.
        declarations: Cython's declarations, the text of a pxd file.
        suffix: `.py`, or `.pyx` for what Python has no words for.
    """

    name: str
    package: str
    source: str
    declarations: str
    suffix: str = ".py"

    @property
    def short_name(self) -> str:
        """The name within its package."""
        return self.name.removeprefix(self.package + ".")


def units() -> Iterator[SourceModule]:
    """All modules to compile, generated ones included."""
    for package, names in MODULES.items():
        root = root_of(package)
        for name in names:
            path = source_of(root, name)
            source, declared = path.read_text(encoding="utf-8"), path.with_suffix(".pxd")
            if declared.exists():
                text = declared.read_text(encoding="utf-8")
            else:
                text = declarations_of(source) if path.suffix == ".py" else ""
            yield SourceModule(f"{package}.{name}", package, source, text, path.suffix)
    for emitter in _generated_sources():
        text = "\n".join(emitter.declarations) + "\n"
        yield SourceModule(generated_name(emitter.identity), "plaudit_schemas", emitter.source, text)


def _generated_sources() -> Iterator[Emitter]:
    """Those of this package, and of others by their entry points.

    All of them become modules of plaudit_schemas, whose varints they call as functions of C.
    """
    yield from generated_sources()
    for entry in sorted(entry_points(group="plaudit.generated_sources"), key=lambda one: one.name):
        yield from entry.load()()


def root_of(package: str) -> Path:
    """The folder of a package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{package} is not installed")
    return Path(spec.origin).parent


def problem_of_compiler() -> str | None:
    """Why nothing can be compiled here, or None."""
    command = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(command) is None:
        return f"there is no C compiler {command}"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "the headers of Python are not installed"
    missing = [name for name in ("Cython", "setuptools") if find_spec(name) is None]
    return f"{missing[0]} is not installed" if missing else None


def compile_package(package: str, all_units: Sequence[SourceModule]) -> None:
    """Compile the modules of a package, and put them where imports find them.

    Args:
        all_units: of all packages, as modules name each other's declarations.

    Raises:
        subprocess.CalledProcessError: the compiler failed; its output is on the terminal.
    """
    root, ours = root_of(package), [unit for unit in all_units if unit.package == package]
    target = folder_of(root)
    target.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="plaudit-compile-") as name,
        tempfile.TemporaryDirectory(prefix="new-", dir=target.parent) as new,
    ):
        folder, modules = Path(name), Path(new, "modules")
        modules.mkdir()
        for unit in all_units:
            _lay_out(folder, unit)
        subprocess.run(
            [sys.executable, "-c", _SETUP, "build_ext", "--inplace", f"--parallel={os.cpu_count() or 1}"],
            cwd=folder,
            env={
                **os.environ,
                "CFLAGS": os.environ.get("CFLAGS", "-O2 -w"),
                "PLAUDIT_ANNOTATIONS": str(int(package in _BY_ANNOTATIONS)),
                "PLAUDIT_COMPILE": "\n".join(f"{unit.name} {unit.suffix}" for unit in ours),
            },
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for unit in ours:
            built = folder.joinpath(*unit.name.split(".")).with_name(unit.name.rpartition(".")[2] + SUFFIX)
            shutil.copyfile(built, modules / (unit.short_name + SUFFIX))
        Path(modules, manifest_path(root).name).write_text(_manifest(package, all_units), encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        modules.rename(target)  # at once: a process that starts now finds all of it or nothing


def _manifest(package: str, all_units: Sequence[SourceModule]) -> str:
    names = [unit.short_name for unit in all_units if unit.package == package]
    modules = MODULES[package]
    return manifest_of(root_of(package), modules, names[len(modules) :])


def _lay_out(folder: Path, unit: SourceModule) -> None:
    path = folder.joinpath(*unit.name.split(".")).with_suffix(unit.suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    for parent in path.relative_to(folder).parents:
        if parent != Path():
            (folder / parent / "__init__.py").touch()
    path.write_text(unit.source, encoding="utf-8")
    if unit.declarations:
        path.with_suffix(".pxd").write_text(unit.declarations, encoding="utf-8")


_SETUP: Final = f"""
import os
from Cython.Build import cythonize
from Cython.Compiler import Errors, Options
from setuptools import Extension, setup

Errors.LEVEL = 9  # no warnings; errors have their own way
Options.error_on_unknown_names = False  # generated source gets its constants when it is loaded
pairs = map(str.split, os.environ["PLAUDIT_COMPILE"].splitlines())
extensions = [Extension(name, [name.replace(".", "/") + suffix]) for name, suffix in pairs]
directives = {_DIRECTIVES!r} | {{"annotation_typing": os.environ["PLAUDIT_ANNOTATIONS"] == "1"}}
modules = cythonize(extensions, compiler_directives=directives, quiet=True)
setup(name="compiled", packages=[], ext_modules=modules)
"""


def main() -> int:
    """Compile each package whose sources are not those that were compiled last."""
    problem = problem_of_compiler()
    if problem is not None:
        print(f"nothing is compiled, so Plaudit runs as plain Python, more slowly: {problem}")
        return 0
    all_units = list(units())
    for package in MODULES:
        written = manifest_path(root_of(package))
        if written.exists() and written.read_text(encoding="utf-8") == _manifest(package, all_units):
            continue
        print(f"compiling {package}, which takes up to a minute", flush=True)
        try:
            compile_package(package, all_units)
        except subprocess.CalledProcessError:
            print("the compiler failed, so Plaudit runs as plain Python, more slowly")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
