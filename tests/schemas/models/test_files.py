"""The files of a model's folder against its manifest."""

import os
from pathlib import Path

import pytest
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.files import check_files, files_of, hash_of, hashes_of
from plaudit_schemas.models.manifest import MANIFEST_NAME
from plaudit_schemas.models.memory import available_bytes, check_memory

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def two(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "sub" / "b").write_bytes(b"b")
    (tmp_path / MANIFEST_NAME).write_text("not counted")
    return tmp_path


def test_all_files_are_hashed_but_the_manifest(two: Path) -> None:
    assert list(hashes_of(two)) == ["a", "sub/b"]
    assert hashes_of(two)["a"] == EMPTY
    check_files(two, hashes_of(two))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param(
            {"a": EMPTY, "sub/b": EMPTY}, "sub/b is not the file that the manifest lists", id="differs"
        ),
        pytest.param({"a": EMPTY}, "holds sub/b, which its manifest does not list", id="unlisted"),
        pytest.param(
            {"a": EMPTY, "sub/b": EMPTY, "c": EMPTY}, "lacks c, which its manifest lists", id="missing"
        ),
    ],
)
def test_another_folder_than_the_manifest_says_is_refused(
    two: Path, files: dict[str, str], told: str
) -> None:
    with pytest.raises(ModelCheckError, match=told):
        check_files(two, files)


def test_hidden_files_count(two: Path) -> None:
    (two / ".hidden").write_text("x")
    assert ".hidden" in files_of(two)


def test_links_are_refused(two: Path) -> None:
    (two / "link").symlink_to("/etc/passwd")
    with pytest.raises(ModelCheckError, match="is a link or a special file"):
        files_of(two)


def test_special_files_are_refused(two: Path) -> None:
    os.mkfifo(two / "pipe")
    with pytest.raises(ModelCheckError, match="is a link or a special file"):
        files_of(two)


def test_a_folder_that_is_none_is_told(two: Path) -> None:
    with pytest.raises(ModelError, match="is no folder"):
        files_of(two / "a")
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        hash_of(two / "gone")


def test_a_model_larger_than_the_memory_is_refused(two: Path) -> None:
    (two / "model.onnx").write_bytes(bytes(1 << 20))
    (two / "README.md").write_bytes(bytes(8 << 20))
    files = ["model.onnx", "README.md"]
    check_memory(two, files, available=2 << 20)
    with pytest.raises(ModelError, match="needs about 2 MiB of memory to be loaded, and 1 MiB are free"):
        check_memory(two, files, available=(2 << 20) - 1)


def test_the_smaller_of_machine_and_container_counts(tmp_path: Path) -> None:
    meminfo, group = tmp_path / "meminfo", tmp_path / "group"
    meminfo.write_text("MemTotal:  9000 kB\nMemAvailable:    4000 kB\n")
    assert available_bytes(meminfo, group) == 4000 * 1024
    group.mkdir()
    (group / "memory.max").write_text("2000000\n")
    (group / "memory.current").write_text("1500000\n")
    (group / "memory.stat").write_text("anon 5\ninactive_file 100000\n")
    assert available_bytes(meminfo, group) == 600_000
    (group / "memory.max").write_text("max\n")
    assert available_bytes(meminfo, group) == 4000 * 1024
    assert available_bytes(tmp_path / "none", tmp_path / "none") is None


def test_a_machine_that_does_not_tell_its_memory_refuses_nothing(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two / "model.onnx").write_bytes(b"x")
    monkeypatch.setattr("plaudit_schemas.models.memory.available_bytes", lambda: None)
    check_memory(two, ["model.onnx"])
