"""The register of named snapshots, on disk and on an object store."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.publishing.entries import check_name
from plaudit_consumers.publishing.errors import RegisterError, SnapshotNameTakenError, UnknownNameError
from plaudit_consumers.publishing.register import Register, resolve_snapshot
from plaudit_consumers.publishing.register_files import RegisterFiles
from plaudit_consumers.sink.outputs.objects import ObjectOutput
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK

from tests.consumers.live_root import Root
from tests.support.object_store import empty_bucket, object_store

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root, and two snapshots beside it."""
    folder = tmp_path_factory.mktemp("built")
    root = Root(folder / "root")
    for name in ("a", "b"):
        root.sft(f"c-{name}", "question", f"answer {name}")
        build_snapshot(str(root.publish().folder), SnapshotPlan(output=folder / name))
    return folder


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "place"))


@pytest.fixture
def register(place: Path) -> Register:
    return Register(RegisterFiles(str(place / "root")))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with object_store() as address:
        yield empty_bucket(address, monkeypatch)


@pytest.mark.slow
def test_the_same_again_changes_nothing_but_the_note(place: Path, register: Register) -> None:
    for note in ("", "for Ada", "for Ada", "", "for Bob"):
        register.tag(place / "a", "first", NOW, note=note)
    assert [entry.note for entry in register.entries("first")] == ["", "for Ada", "for Bob"]


@pytest.mark.slow
def test_a_name_finds_its_snapshot_in_every_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(place / "root")]
    assert main(["datasets", "list", *root]) == OK
    assert "no snapshot has a name" in capsys.readouterr().out
    assert main(["datasets", "tag", str(place / "a"), "first", "--note", "for\x1b[2J Ada", *root]) == OK
    assert main(["datasets", "tag", str(place / "b"), "second", *root]) == OK
    capsys.readouterr()
    assert main(["datasets", "list", *root]) == OK
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == ["first", "second"]
    assert "\x1b" not in listed
    assert (
        main(["datasets", "show", "second", "--rows", "1", "--subset", "sft", "--text", "answer", *root])
        == OK
    )
    assert "answer" in capsys.readouterr().out
    assert main(["datasets", "diff", "first", "second", *root, "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["conversations"]["added"] == 1


def test_a_name_never_moves_in_silence(
    place: Path, register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    first = register.tag(place / "a", "prod", NOW)
    assert register.tag(place / "a", "prod", NOW) == first
    with pytest.raises(SnapshotNameTakenError, match=r"stands for the snapshot .*--move"):
        register.tag(place / "b", "prod", NOW)
    assert register.find("prod") == first
    moved = register.tag(place / "b", "prod", NOW, move=True)
    assert (moved.number, register.find("prod")) == (2, moved)
    assert register.entries("prod") == [first, moved]
    assert main(["datasets", "log", "prod", "--root", str(place / "root"), "--json"]) == OK
    assert [each["snapshot"] for each in json.loads(capsys.readouterr().out)] == [
        first.snapshot,
        moved.snapshot,
    ]


def test_a_snapshot_that_was_moved_keeps_its_name(place: Path, register: Register) -> None:
    register.tag(place / "a", "prod", NOW)
    (place / "a").rename(place / "elsewhere")
    with pytest.raises(SnapshotError, match=r"no such folder here; copy the snapshot here, and run"):
        resolve_snapshot("prod", str(place / "root"))
    register.tag(place / "elsewhere", "prod", NOW)
    assert resolve_snapshot("prod", str(place / "root")) == place / "elsewhere"


def test_a_name_is_not_taken_for_a_snapshot_that_was_rebuilt(place: Path, register: Register) -> None:
    register.tag(place / "a", "prod", NOW)
    shutil.rmtree(place / "a")
    shutil.copytree(place / "b", place / "a")
    with pytest.raises(SnapshotError, match="holds another snapshot than the one that was named prod"):
        resolve_snapshot("prod", str(place / "root"))


def test_a_damaged_snapshot_gets_no_name(place: Path, register: Register) -> None:
    (place / "a" / "README.md").write_text("changed")
    with pytest.raises(SnapshotError, match="was changed"):
        register.tag(place / "a", "prod", NOW)
    assert register.entries() == []


def test_of_two_people_at_once_one_is_refused(place: Path, register: Register) -> None:
    other = Register(RegisterFiles(str(place / "root")))

    class Slow(RegisterFiles):
        def add(self, entry: object) -> bool:
            other.tag(place / "b", "prod", NOW)  # after the first has looked whether the name is free
            return super().add(entry)  # type: ignore[arg-type]  # an entry

    with pytest.raises(SnapshotNameTakenError):
        Register(Slow(str(place / "root"))).tag(place / "a", "prod", NOW)
    assert [Path(entry.folder).name for entry in register.entries()] == ["b"]


def test_a_register_that_never_takes_an_entry_is_an_error(place: Path) -> None:
    class Full(RegisterFiles):
        def add(self, entry: object) -> bool:
            return False

    with pytest.raises(RegisterError, match="try again"):
        Register(Full(str(place / "root"))).tag(place / "a", "prod", NOW)


def test_names_in_an_object_store(bucket: str, place: Path) -> None:
    ObjectOutput(bucket).replace("v1/conversations/x", b"")
    register = Register(RegisterFiles(bucket))
    register.tag(place / "a", "prod", NOW)
    with pytest.raises(SnapshotNameTakenError):
        register.tag(place / "b", "prod", NOW)
    assert not RegisterFiles(bucket).add(register.find("prod"))
    assert resolve_snapshot("prod", bucket) == place / "a"


def test_a_damaged_entry_is_named(place: Path, register: Register) -> None:
    path = place / "root" / register.tag(place / "a", "prod", NOW).path
    path.write_text("{}")
    with pytest.raises(RegisterError, match=r"\.plaudit/names/prod/000001\.json .* is damaged"):
        register.entries()
    (path.parent / "000001.json.tmp").write_text("x")
    path.unlink()
    path.mkdir()
    with pytest.raises(RegisterError, match="cannot be read"):
        register.entries()


def test_an_unknown_name_suggests_the_nearest(place: Path, register: Register) -> None:
    register.tag(place / "a", "support-2026", NOW)
    with pytest.raises(UnknownNameError, match=r"did you mean support-2026\?"):
        resolve_snapshot("suport-2026", str(place / "root"))
    with pytest.raises(UnknownNameError, match="datasets list"):
        resolve_snapshot("x", str(place / "root"))
    with pytest.raises(SnapshotError, match="--root or PLAUDIT_OUTPUT"):
        resolve_snapshot("x", None)


_NO_NAMES = {
    "empty": "", "a capital": "Prod", "a space": "a b", "a way out": "../x", "a hidden one": ".hidden",
    "too long": "x" * 65, "a folder": "a/b", "an option": "-x", "an accent": "é",
}  # fmt: skip


@pytest.mark.parametrize("name", _NO_NAMES.values(), ids=_NO_NAMES)
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(RegisterError, match="cannot be the name"):
        check_name(name)


def test_names_without_a_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "list"]) == FAILED
    assert "--root or PLAUDIT_OUTPUT is missing" in capsys.readouterr().err
    assert main(["datasets", "list", "--root", str(tmp_path)]) == FAILED
    assert "has no folder v1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_build_can_name_its_snapshot(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["datasets", "build", "--root", str(place / "root"), "--name", "prod", "--output"]
    assert main([*command, str(place / "c")]) == OK
    assert resolve_snapshot("prod", str(place / "root")) == place / "c"
    assert main([*command, str(place / "d")]) == FAILED
    assert "choose another name" in capsys.readouterr().err
    assert not (place / "d").exists()


@pytest.mark.slow
def test_a_sink_and_a_build_leave_the_register_alone(place: Path, register: Register) -> None:
    register.tag(place / "a", "prod", NOW)
    build_snapshot(str(place / "root"), SnapshotPlan(output=place / "c"))
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", "datasets", "log", "--root", str(place / "root")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("prod")
