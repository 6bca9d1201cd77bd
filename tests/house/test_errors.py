"""Every error of ours that is raised somewhere is met by a test, and hangs in the one tree."""

import ast
import builtins
from pathlib import Path

import pytest
from plaudit_schemas.errors import PlauditError

from tests.support.services import ROOT

MEMBERS = ("schemas", "producers", "stream_processors", "consumers", "infra")


def raised(source: str) -> set[str]:
    """Names of the errors that a module's text raises, without the builtin ones."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = node.exc.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            found.add(name)
    return {name for name in found if name.endswith("Error") and not hasattr(builtins, name)}


def _public() -> set[str]:
    trees = [ast.parse(path.read_text()) for member in MEMBERS for path in (ROOT / member).rglob("errors.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def _tests_text() -> str:
    here = Path(__file__)
    return "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != here)


@pytest.mark.parametrize("member", MEMBERS)
def test_every_error_that_is_raised_is_met_by_a_test(member: str) -> None:
    tests = _tests_text()
    names = {name for path in (ROOT / member).rglob("*.py") for name in raised(path.read_text())}
    assert {name for name in names & _public() if name not in tests} == set()


def test_a_raised_error_is_seen() -> None:
    assert {"SettingsError", "SpoolError", "DownloadError"} <= _public()
    assert raised("def f():\n    raise errors.FrobError('x') from None") == {"FrobError"}
    assert raised("raise ValueError('x')\nraise\nraise KeyError(1)\nraise TimeoutError('x')") == set()


def test_errors_say_their_text_and_nothing_else() -> None:
    assert str(PlauditError("one sentence")) == "one sentence"
