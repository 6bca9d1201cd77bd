"""The rooms of each member: which may import which, that names are unique, that each member has a door."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.house.test_house import MEMBERS, modules
from tests.support.services import ROOT

ROOMS: dict[str, dict[str, set[str]]] = {
    "schemas": {
        "contract": {"codec"},
        "codec": {"contract", "compiled"},
        "compiled": {"codec"},
        "settings": {"codec", "compiled"},
        "topics": {"codec", "settings"},
        "kafka": {"codec", "contract", "settings", "topics"},
        "service": {"settings", "kafka", "topics"},
        "alerts": {"contract"},
        "examples": {"codec"},
        "models": {"codec", "contract", "settings", "topics", "kafka"},
        "review": {"codec", "contract", "settings", "topics", "kafka", "service"},
        "statistics": set(),
    },
    "producers": {
        "sdk": {"spool"},
        "spool": {"sdk"},
        "gateway": {"sdk", "model_calls", "importers", "interchange"},
        "model_calls": {"sdk"},
        "integrations": {"sdk", "model_calls", "importers"},
        "chat": {"sdk"},
        "review": {"sdk"},
        "importers": {"sdk"},
        "interchange": {"sdk", "importers"},
        "simulator": {"sdk", "importers"},
        "generation": {"sdk", "chat", "importers"},
    },
    "stream_processors": {
        "fold": {"metrics"},
        "metrics": set(),
        "state": {"fold", "metrics"},
        "running": {"state", "transport"},
        "worker": {"fold", "metrics", "state", "transport", "dead_letters", "running"},
        "scoring": {"fold", "state", "running"},
        "review_queue": {"fold", "state", "running"},
        "queries": {"fold", "state"},
        "dead_letters": set(),
    },
    "consumers": {
        "rows": set(),
        "sink": {"rows"},
        "datasets": {"rows", "sink"},
        "publishing": {"rows", "sink", "datasets"},
        "training": {"rows", "datasets"},
        "ranking": {"rows", "datasets", "training"},
        "dashboard": set(),
    },
    "infra": {
        "servers": set(),
        "demo": {"servers"},
        "audit": set(),
        "console": set(),
        "dataset_page": set(),
        "conversations_page": set(),
    },
}
"""Member -> room -> the other rooms of the member that it may import. Single modules are open to all."""

SDK_LOADS_NONE_OF = (
    "plaudit_schemas.service",
    "plaudit_schemas.alerts",
    "plaudit_schemas.models",
    "plaudit_producers.gateway",
)


def rooms_imported(member: str, source: str) -> set[str]:
    """The rooms of its own member that a module's text imports."""
    package = f"plaudit_{member}."
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(package):
            found.add(node.module.removeprefix(package).partition(".")[0])
    return found & ROOMS[member].keys()


@pytest.mark.parametrize(
    ("member", "room"), [(member, room) for member, rooms in ROOMS.items() for room in rooms]
)
def test_a_room_imports_only_what_it_may(member: str, room: str) -> None:
    found = {
        str(path): rooms_imported(member, path.read_text()) - ROOMS[member][room] - {room}
        for path in modules(f"{member}/plaudit_{member}/{room}")
    }
    assert found
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_a_wrong_import_is_seen() -> None:
    source = "def f():\n    from plaudit_stream_processors.worker.app import x"
    assert rooms_imported("stream_processors", source) == {"worker"}


@pytest.mark.parametrize("member", MEMBERS)
def test_every_room_is_in_the_table_and_behind_the_door(member: str) -> None:
    package = ROOT / member / f"plaudit_{member}"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms - ROOMS[member].keys() <= {"commands"}
    door = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    assert {room for room in rooms if room not in door} == set()


@pytest.mark.parametrize("folder", ["producers/plaudit_producers/sdk", "producers/plaudit_producers/spool"])
def test_the_sdk_names_nothing_that_only_services_need(folder: str) -> None:
    for path in modules(folder):
        text = path.read_text()
        assert [name for name in SDK_LOADS_NONE_OF if name in text] == [], path


def public_classes(source: str) -> set[str]:
    """The public classes at the top of a module's text."""
    return {
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }


def test_a_class_name_means_one_thing() -> None:
    where: defaultdict[str, list[Path]] = defaultdict(list)
    for member in MEMBERS:
        for path in modules(f"{member}/plaudit_{member}"):
            for name in public_classes(path.read_text()):
                where[name].append(path.relative_to(ROOT))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_a_public_class_is_seen() -> None:
    assert public_classes("class A: ...\nclass _B: ...\ndef f():\n    class C: ...") == {"A"}
