"""The files of models: copied to where scorers find them, fetched from there, and kept for some time."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.cache_settings import ModelCacheSettings
from plaudit_schemas.models.copying import copy_model
from plaudit_schemas.models.files import check_files
from plaudit_schemas.models.folder_cache import FolderCache
from plaudit_schemas.models.locations import ModelPlace
from plaudit_schemas.models.manifest import MANIFEST_NAME
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.model import open_model
from plaudit_schemas.object_store import store_at
from plaudit_schemas.settings.location import parse_location

from tests.support.object_store import empty_bucket, object_store
from tests.support.tiny_models import write_model


@pytest.fixture(scope="module")
def store_address() -> Iterator[str]:
    with object_store() as address:
        yield address


@pytest.fixture
def bucket(store_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    return empty_bucket(store_address, monkeypatch).removesuffix("/chats")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model(tmp_path / "polite", files={"README.md": "a card"})
    return tmp_path / "polite"


def _sha256(folder: Path) -> str:
    return read_manifest(folder)[1]


def _cache(tmp_path: Path, most_bytes: int = 1 << 30, now_s: float | None = None) -> FolderCache:
    if now_s is None:
        return FolderCache(tmp_path / "cache", most_bytes)
    return FolderCache(tmp_path / "cache", most_bytes, clock=lambda: now_s)


def test_a_folder_of_this_machine_is_used_where_it_is(model: Path, tmp_path: Path) -> None:
    cache = _cache(tmp_path)
    assert cache.fetch(str(model), _sha256(model)) == model
    assert cache.fetch(f"file://{model}", _sha256(model)) == model
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_is_gone_or_changed_is_refused(model: Path, tmp_path: Path) -> None:
    cache, sha256 = _cache(tmp_path), _sha256(model)
    with (model / MANIFEST_NAME).open("a") as file:
        file.write("# changed\n")
    with pytest.raises(ModelCheckError, match="another model than was published"):
        cache.fetch(str(model), sha256)
    shutil.rmtree(model)
    with pytest.raises(ModelError, match="no model is there, or not any more"):
        cache.fetch(str(model), sha256)
    model.write_text("a file now")
    with pytest.raises(ModelError, match="no model is there"):
        cache.fetch(str(model), sha256)


def test_a_model_goes_through_an_object_store(model: Path, bucket: str, tmp_path: Path) -> None:
    place = copy_model(model, f"{bucket}/models/")
    assert str(place) == f"{bucket}/models/polite/1"
    folder = _cache(tmp_path).fetch(str(place), _sha256(model))
    names = sorted(path.name for path in model.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all((folder / name).read_bytes() == (model / name).read_bytes() for name in names)
    open_model(folder).close()
    assert str(copy_model(model, f"{bucket}/models")) == str(place)


def test_a_fetched_model_needs_the_store_no_more(
    model: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, cache = str(copy_model(model, bucket)), _cache(tmp_path)
    folder = cache.fetch(place, _sha256(model))
    os.utime(folder, (0, 0))
    monkeypatch.setattr(obstore, "get", None)
    assert cache.fetch(place, _sha256(model)) == folder
    assert folder.stat().st_mtime > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", MANIFEST_NAME])
def test_a_damaged_file_of_the_cache_is_fetched_again(
    model: Path, bucket: str, tmp_path: Path, name: str
) -> None:
    place, cache = str(copy_model(model, bucket)), _cache(tmp_path)
    folder = cache.fetch(place, _sha256(model))
    with (folder / name).open("ab") as file:
        file.write(b"# damaged\n")
    assert cache.fetch(place, _sha256(model)) == folder
    assert (folder / name).read_bytes() == (model / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param(
            "model.onnx", "model.onnx of .* is not the file that the manifest lists", id="the graph"
        ),
        pytest.param(MANIFEST_NAME, "another model than was published", id="the manifest"),
    ],
)
def test_a_changed_file_of_the_store_is_refused(
    model: Path, bucket: str, tmp_path: Path, name: str, error: str
) -> None:
    place = copy_model(model, bucket)
    obstore.put(store_at(_location(place)), name, b"other")
    with pytest.raises(ModelCheckError, match=error):
        _cache(tmp_path).fetch(str(place), _sha256(model))
    assert list((tmp_path / "cache").glob("*")) == []


def test_a_file_that_is_gone_from_the_store_is_named(model: Path, bucket: str, tmp_path: Path) -> None:
    place = copy_model(model, bucket)
    obstore.delete(store_at(_location(place)), "tokenizer.json")
    with pytest.raises(ModelError, match=r"lacks tokenizer\.json"):
        _cache(tmp_path).fetch(str(place), _sha256(model))
    with pytest.raises(ModelError, match="no model is there"):
        _cache(tmp_path).fetch(f"{bucket}/nothing", _sha256(model))


def test_a_manifest_that_names_paths_outside_writes_nothing(model: Path, bucket: str, tmp_path: Path) -> None:
    place = ModelPlace(f"{bucket}/evil")
    data = (model / MANIFEST_NAME).read_text().replace("model.onnx:", "../../evil.onnx:").encode()
    place.upload_manifest(data)
    with pytest.raises(ModelCheckError, match="not valid"):
        _cache(tmp_path).fetch(str(place), hashlib.sha256(data).hexdigest())
    assert list(tmp_path.rglob("evil.onnx")) == []


def test_a_place_holds_one_model_for_good(model: Path, bucket: str, tmp_path: Path) -> None:
    for store in (bucket, str(tmp_path / "shelf")):
        copy_model(model, store)
    write_model(tmp_path / "other", weights={"other": 1.0})
    for store in (bucket, str(tmp_path / "shelf")):
        with pytest.raises(ModelError, match=r"holds another model; .*another version"):
            copy_model(tmp_path / "other", store)
    with pytest.raises(ModelError, match="somebody else"):
        ModelPlace(f"{bucket}/polite/1").upload_manifest(b"x")


def test_a_folder_is_copied_as_a_whole(model: Path, tmp_path: Path) -> None:
    place = copy_model(model, str(tmp_path / "shelf"))
    assert place.folder == tmp_path / "shelf" / "polite" / "1"
    open_model(place.folder).close()
    assert [path.name for path in (tmp_path / "shelf" / "polite").iterdir()] == ["1"]
    shutil.rmtree(place.folder)
    place.folder.mkdir()
    (place.folder / "of somebody else").touch()
    with pytest.raises(ModelError, match="move away what is there"):
        copy_model(model, str(tmp_path / "shelf"))
    assert [path.name for path in (tmp_path / "shelf" / "polite").iterdir()] == ["1"]


def test_only_what_the_manifest_says_is_copied(model: Path, tmp_path: Path) -> None:
    (model / "model.onnx").write_bytes(b"other")
    with pytest.raises(ModelCheckError, match="sha256 differs"):
        copy_model(model, str(tmp_path / "shelf"))


@pytest.mark.parametrize(
    ("location", "error"),
    [
        pytest.param("s3:/bucket/x", "one slash", id="one slash"),
        pytest.param("ftp://host/x", "ftp:// is not one of", id="another scheme"),
        pytest.param("s3://", "names no bucket", id="no bucket"),
        pytest.param("s3://key:secret@bucket/x", "has credentials", id="credentials"),
        pytest.param(" /models", "has spaces", id="spaces"),
    ],
)
def test_a_location_that_names_no_place_is_refused(location: str, error: str) -> None:
    with pytest.raises(ModelError, match=f"the location of a model {error}|{error}"):
        ModelPlace(location)


def test_a_store_that_cannot_be_reached_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr("plaudit_schemas.object_store._RETRY", {"max_retries": 0})
    with pytest.raises(ModelError, match=f"{MANIFEST_NAME} of s3://lake/x cannot be read"):
        _cache(tmp_path).fetch("s3://lake/x", "0" * 64)
    with pytest.raises(ModelError, match="cannot be written to s3://lake/x"):
        ModelPlace("s3://lake/x").upload_manifest(b"x")
    with pytest.raises(ModelError, match="cannot be written to s3://lake/x"):
        ModelPlace("s3://lake/x").upload("pyproject.toml", Path("pyproject.toml"))


def test_a_cache_that_cannot_be_written_is_named(model: Path, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    place = copy_model(model, bucket)
    with pytest.raises(ModelError, match="PLAUDIT_MODEL_CACHE"):
        _cache(tmp_path).fetch(str(place), _sha256(model))


def test_what_was_not_used_for_longest_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for name, used_s in (
        ("old", 1_000),
        ("older", 500),
        ("new", 90_000),
        (".part-dead", 10),
        (".part-x", 99_000),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / "model.onnx").write_bytes(bytes(100))
        os.utime(folder / name, (used_s, used_s))
    _cache(tmp_path, 250, now_s=100_000).clean()
    assert {path.name for path in folder.iterdir()} == {"old", "new", ".part-x"}
    _cache(tmp_path, 0, now_s=91_000).clean()
    assert {path.name for path in folder.iterdir()} == {"new", ".part-x"}


def test_the_cache_is_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    (tmp_path / "xdg" / "plaudit" / "models").mkdir(parents=True)
    FolderCache.of(ModelCacheSettings()).clean()
    (tmp_path / "own").mkdir()
    FolderCache.of(ModelCacheSettings(model_cache=str(tmp_path / "own"))).clean()


def _location(place: ModelPlace) -> Any:
    return parse_location(str(place))


def test_a_copy_within_the_folder_itself_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lies within the folder that is copied; choose a place outside"):
        copy_model(model, str(model))
    check_files(model, read_manifest(model)[0].files)
    copied = Path(str(copy_model(model, str(tmp_path / "models"))))
    assert str(copy_model(copied, str(tmp_path / "models"))) == str(copied)
