"""Shows a model's manifest to people. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from plaudit_schemas.contract.printable import printable
from plaudit_schemas.models.manifest import HeldOutFigure, ModelManifest

_LISTED: Final = frozenset({"files", "canaries", "figures"})
"""Fields that are shown on lines of their own."""


def described(manifest: ModelManifest, sha256: str, *, explain: bool = False) -> Iterator[str]:
    """The lines that show a manifest.

    Args:
        sha256: of the manifest's file, which stands for the whole folder.
        explain: add what each field means; those that the manifest does not give are shown too.
    """
    yield f"{manifest.name}@{manifest.version}"
    for name, field in type(manifest).model_fields.items():
        value = getattr(manifest, name)
        if not explain and value in (None, (), ""):
            continue
        yield from _lines(name, value)
        if explain:
            yield f"      {field.description}"
    yield f"  sha256: {sha256}"
    if explain:
        yield "      of plaudit-model.yaml, which has the hash of each other file: it stands for the folder"


def _lines(name: str, value: Any) -> Iterator[str]:
    if name not in _LISTED or value is None:
        yield f"  {name}: {_text(value)}"
        return
    yield f"  {name}:"
    if name == "files":
        yield from (f"    {path}  {sha256}" for path, sha256 in value.items())
    elif name == "canaries":
        yield from (f"    {canary.score:.3f}  {_shown(canary.text)}" for canary in value)
    else:
        yield from (f"    {figure}: {_text(each)}" for figure, each in value if each is not None)


def _text(value: Any) -> str:
    if value is None or value == ():
        return "not given"
    if isinstance(value, HeldOutFigure):
        return f"{value.value:.3f} (95 %: {value.low:.3f} to {value.high:.3f})"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if hasattr(value, "model_fields_set"):
        return ", ".join(f"{name} {_text(each)}" for name, each in value)
    return "yes" if value is True else "no" if value is False else printable(str(value))


def _shown(text: str) -> str:
    short = text if len(text) <= 80 else f"{text[:80]}..."
    return repr(short)
