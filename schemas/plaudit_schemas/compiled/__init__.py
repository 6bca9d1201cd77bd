"""Modules compiled to machine code, for the hot paths of the codec, the fold, the SDK and the sink.

The Python source is the only source. `make install` compiles some modules with Cython where it finds a C
compiler (`compiled.build`), and everything works without. A package's compiled modules are used only while
they were made of exactly the sources that are there: whoever edits one runs the edited Python at once.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec, source_hash, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final

SUFFIX: Final = EXTENSION_SUFFIXES[0]
"""How the name of a compiled module's file ends; it names the version of Python and the platform."""
SWITCH: Final = "PLAUDIT_COMPILED"
"""Set to 0, this variable of the environment leaves the compiled modules unused."""

_FOLDER: Final = "_compiled"
_MANIFEST: Final = "sources"  # the digest of all sources, then the name of each module
_TOOLS: Final = (Path(__file__).with_name("build.py"), Path(__file__).with_name("declarations.py"))


class CompiledFinder(MetaPathFinder):
    """Finds the compiled modules of one package.

    Attributes:
        used: modules that run compiled.
    """

    def __init__(self, package: str, root: Path) -> None:
        """`root` is the folder of the package."""
        self.used: list[str] = []
        self._prefix, self._folder = package + ".", folder_of(root)
        self._names = frozenset(_names_in(root))
        self._generated: dict[str, ModuleType] = {}

    @property
    def has_modules(self) -> bool:
        """Whether there are compiled modules of the sources that are there."""
        return bool(self._names)

    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """The compiled module of this name, if there is one."""
        name = fullname.removeprefix(self._prefix)
        return None if name == fullname else self._spec(fullname, name)

    def generated(self, name: str) -> ModuleType | None:
        """A compiled module that was made of generated source, if there is one. Its code runs once."""
        if name not in self._generated:
            spec = self._spec(name, name)
            if spec is None or spec.loader is None:
                return None
            self._generated[name] = module = module_from_spec(spec)
            spec.loader.exec_module(module)
        return self._generated[name]

    def _spec(self, fullname: str, name: str) -> ModuleSpec | None:
        if name not in self._names:
            return None
        self.used.append(fullname)
        file = str(self._folder / f"{name}{SUFFIX}")
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))


FINDERS: Final[dict[str, CompiledFinder]] = {}
"""Package -> its finder."""


def install(package: str, root: Path) -> None:
    """Let imports of a package's modules find the compiled ones. Called once by each package."""
    found = FINDERS[package] = CompiledFinder(package, root)
    if found.has_modules:
        sys.meta_path.insert(0, found)


def is_compiled() -> bool:
    """Whether this process runs the compiled modules of every package that it has loaded.

    Generated source that has changed since then runs plain all the same (`Emitter.is_machine_code`).
    """
    return all(finder.has_modules for finder in FINDERS.values())


def how_it_runs() -> str:
    """Whether this process runs compiled modules, in words."""
    return "compiled" if is_compiled() else "as plain Python"


def generated(identity: str, names: Mapping[str, Any]) -> ModuleType | None:
    """The compiled module of generated source, or None.

    Args:
        identity: tells the source, with the objects that it refers to, from any other.
        names: the globals of the source.
    """
    finder = FINDERS.get(__name__.partition(".")[0])
    module = finder.generated(generated_name(identity)) if finder is not None else None
    if module is not None:
        vars(module).update({name: value for name, value in names.items() if name not in vars(module)})
    return module


def generated_name(identity: str) -> str:
    """The name of the module that is made of generated source."""
    return f"generated_{source_hash(identity.encode()).hex()}"


def folder_of(root: Path) -> Path:
    """The folder for the compiled modules of the package in `root`, for this Python and this platform."""
    return root / _FOLDER / SUFFIX.strip(".").partition(".")[0]


def source_of(root: Path, name: str) -> Path:
    """The file that a module is compiled from: Python, or Cython for what Python has no words for."""
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.exists() else path.with_suffix(".pyx")


def manifest_of(root: Path, modules: Iterable[str], generated_modules: Iterable[str] = ()) -> str:
    """What the manifest must say while the compiled modules are those of the sources in `root`."""
    names = list(modules)
    texts = [path.read_bytes() for path in _TOOLS]
    for name in names:
        source = source_of(root, name)
        texts += (path.read_bytes() for path in (source, source.with_suffix(".pxd")) if path.exists())
    digest = source_hash(b"\0".join(texts)).hex()
    return "\n".join((digest, *names, *generated_modules))


def manifest_path(root: Path) -> Path:
    """Where the manifest of the package in `root` is."""
    return folder_of(root) / _MANIFEST


def _names_in(root: Path) -> list[str]:
    """The names of the modules, if they are compiled from the sources that are there."""
    try:
        if os.environ.get(SWITCH) == "0":
            return []
        manifest = manifest_path(root).read_text(encoding="utf-8")
        names = manifest.splitlines()[1:]
        modules = [name for name in names if not name.startswith("generated_")]
        fits = manifest == manifest_of(root, modules, names[len(modules) :])
    except OSError:  # there is none, or it is just being compiled
        return []
    return names if fits else []
