"""Where an output lies: every spelling names the place that it shows, or is refused."""

from pathlib import Path

import pytest
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load
from plaudit_schemas.settings.location import StoreLocation, parse_location

SECRET = "wJalrXUtnFEMI"  # noqa: S105  # made up


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("s3://bucket", "s3://bucket", id="a whole bucket"),
        pytest.param("s3://bucket/", "s3://bucket", id="a slash after the bucket"),
        pytest.param("s3://bucket/h", "s3://bucket/h", id="a folder"),
        pytest.param("s3://bucket/h/", "s3://bucket/h", id="a slash at the end"),
        pytest.param("S3://Bucket/H", "s3://Bucket/H", id="upper case"),
        pytest.param("s3://bucket/h%23y", "s3://bucket/h%23y", id="a hash, escaped"),
        pytest.param("gs://bucket/a b/c", "gs://bucket/a b/c", id="a space"),
        pytest.param("az://bucket/100%", "az://bucket/100%", id="a lone percent sign"),
    ],
)
def test_a_url_names_one_place(text: str, expected: str) -> None:
    location = parse_location(text)
    assert isinstance(location, StoreLocation)
    assert location.url == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("s3://bucket/h#y", "has a #.*write %23", id="a fragment"),
        pytest.param("s3://bucket/h?region=eu", "has a \\?.*write %3F", id="a query"),
        pytest.param("s3://bucket?region=eu", "has a \\?", id="a query after the bucket"),
        pytest.param("s3://bucket/a/../b", "folder . or ..", id="the folder above"),
        pytest.param("s3://bucket/a/%2e%2e/b", "folder . or ..", id="the folder above, escaped"),
        pytest.param("s3://bucket/./a", "folder . or ..", id="this folder"),
        pytest.param("s3://bucket//a", "empty folder name", id="two slashes"),
        pytest.param("s3://", "names no bucket", id="nothing"),
        pytest.param("s3:///a", "names no bucket", id="no bucket"),
        pytest.param("s3://127.0.0.1:9000/a", "has a port", id="a store's address"),
        pytest.param("s3:/bucket/a", "has one slash", id="one slash"),
        pytest.param(" s3://bucket/a", "has spaces around it", id="a space before"),
        pytest.param("s3://bucket/a\n", "has spaces around it", id="a line end"),
        pytest.param("s3://bucket/a\tb", "control characters", id="a tab"),
        pytest.param("ftp://bucket/a", "ftp:// is not one of s3, gs, az", id="another scheme"),
        pytest.param("file://a/b", "names no folder", id="a file URL with a host"),
        pytest.param(f"s3://key:{SECRET}@bucket/a", "has credentials", id="credentials"),
        pytest.param(f"https://key:{SECRET}@host/a", "has credentials", id="credentials, another scheme"),
    ],
)
def test_a_url_that_would_be_read_otherwise_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_location(text)
    with pytest.raises(SettingsError, match=f"PLAUDIT_OUTPUT: .*{message}") as refused:
        load(SinkSettings, environ={"PLAUDIT_OUTPUT": text})
    assert SECRET not in str(refused.value)
    with pytest.raises(SourceFileError, match=message) as unread:
        LiveRoot(text)
    assert SECRET not in str(unread.value)


@pytest.mark.parametrize(
    "name",
    ["a b", "h#y", "h?x", "100%25", "x*y[z]", "ü", ".."],
    ids=["space", "hash", "question mark", "percent", "pattern", "umlaut", "the folder above"],
)
def test_a_folder_is_taken_as_it_is_written(tmp_path: Path, name: str) -> None:
    assert parse_location(f"{tmp_path}/{name}") == tmp_path / name
    assert parse_location(f"file://{tmp_path}/{name}/") == tmp_path / name
