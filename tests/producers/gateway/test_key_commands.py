"""`plaudit keys`: make, list, revoke, back up, restore, and take over from Redis."""

import io
import json
import stat
import sys
from pathlib import Path

import pytest
import redis
from plaudit_infra.main import main
from plaudit_producers.gateway.access.api_keys import ApiKey, make_key
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.support.key_stores import key_connection


def keys_command(folder: Path, *words: str) -> int:
    return main(["keys", *words, "--gateway-keys", str(folder / "keys.json")])


def _kept(folder: Path) -> set[str]:
    return set(FileKeyStore(folder / "keys.json").load())


def _made(folder: Path, name: str = "") -> ApiKey:
    key = make_key("shop", frozenset({"reader"}), name=name).key
    FileKeyStore(folder / "keys.json").add(key)
    return key


def test_keys_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ["create", "--application", "shop", "--role", "reviewer", "--rate", "7", "--name", "lab"]
    assert keys_command(tmp_path, *made) == 0
    secret = capsys.readouterr().out.strip()
    [key] = FileKeyStore(tmp_path / "keys.json").load().values()
    assert (key.application, key.roles, key.rate, key.name) == ("shop", frozenset({"reviewer"}), 7, "lab")
    assert keys_command(tmp_path, "list") == 0
    listed = capsys.readouterr().out
    assert key.id in listed
    assert "reviewer" in listed
    assert secret not in listed
    assert keys_command(tmp_path, "revoke", key.id) == 0
    assert keys_command(tmp_path, "revoke", key.id) == 1
    assert FileKeyStore(tmp_path / "keys.json").load() == {}


def test_a_key_out_of_range_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--application", "a/b"], ["--rate", "-1"]):
        assert keys_command(tmp_path, "create", *wrong) == 1
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("action", [["list"], ["revoke", "abcdefghjk"], ["backup", "-"]], ids=lambda a: a[0])
def test_a_missing_file_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: list[str]
) -> None:
    assert keys_command(tmp_path, *action) == 1
    assert "there is no key file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", [True, False], ids=["PLAUDIT_DATA", "the working folder"])
def test_the_file_is_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLAUDIT_DATA")
    if variable:
        monkeypatch.setenv("PLAUDIT_DATA", str(tmp_path / "elsewhere"))
    assert main(["keys", "create"]) == 0
    folder = tmp_path / ("elsewhere" if variable else ".plaudit")
    assert len(FileKeyStore(folder / "gateway-keys.json").load()) == 1


def test_a_backup_has_no_secret_and_brings_keys_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = tmp_path / "backup.json"
    assert keys_command(tmp_path, "create", "--name", "web") == 0
    secret = capsys.readouterr().out.strip()
    gone = _made(tmp_path)
    assert keys_command(tmp_path, "revoke", gone.id) == 0
    before = FileKeyStore(tmp_path / "keys.json").read()
    assert keys_command(tmp_path, "backup", str(backup)) == 0
    assert "1 keys and 1 revocations" in capsys.readouterr().out
    assert secret.split("_", 2)[2] not in backup.read_text()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    (tmp_path / "keys.json").unlink()
    assert keys_command(tmp_path, "restore", str(backup)) == 0
    assert FileKeyStore(tmp_path / "keys.json").read() == before


def test_an_old_backup_brings_no_revoked_key_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, other = _made(tmp_path), _made(tmp_path)
    assert keys_command(tmp_path, "backup", str(tmp_path / "old.json")) == 0
    assert keys_command(tmp_path, "revoke", key.id) == 0
    capsys.readouterr()
    assert keys_command(tmp_path, "restore", str(tmp_path / "old.json")) == 0
    assert f"revoked since the backup, and still so: {key.id}" in capsys.readouterr().out
    assert _kept(tmp_path) == {other.id}


def test_a_backup_goes_through_pipes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = _made(tmp_path)
    assert keys_command(tmp_path, "backup", "-") == 0
    written = capsys.readouterr().out
    assert json.loads(written)["keys"][0]["id"] == key.id
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written.encode())))
    assert keys_command(tmp_path / "other", "restore", "-") == 0
    assert _kept(tmp_path / "other") == {key.id}


@pytest.mark.parametrize(
    ("action", "said"),
    [("backup", "cannot be written"), ("restore", "cannot be read")],
    ids=["backup", "restore"],
)
def test_a_backup_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str, said: str
) -> None:
    _made(tmp_path)
    assert keys_command(tmp_path, action, str(tmp_path / "nowhere" / "b.json")) == 1
    assert said in capsys.readouterr().err


def test_what_is_no_backup_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = _made(tmp_path)
    (tmp_path / "b.json").write_text("{}")
    assert keys_command(tmp_path, "restore", str(tmp_path / "b.json")) == 1
    assert "holds no API keys" in capsys.readouterr().err
    assert _kept(tmp_path) == {key.id}


def test_only_kafka_takes_keys_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys_command(tmp_path, "take-over") == 1
    assert "set it to kafka" in capsys.readouterr().err


@pytest.fixture
def line(kafka: str, valkey: str, monkeypatch: pytest.MonkeyPatch) -> ConnectionSettings:
    made = key_connection(kafka, valkey)
    for name in ("bootstrap_servers", "topic_prefix", "redis_prefix"):
        monkeypatch.setenv(f"PLAUDIT_{name.upper()}", getattr(made, name))
    monkeypatch.setenv("PLAUDIT_REDIS_URL", valkey)
    return made


@pytest.mark.kafka
@pytest.mark.redis
def test_keys_move_between_all_stores(
    line: ConnectionSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _made(tmp_path, name="first")
    assert keys_command(tmp_path, "backup", str(tmp_path / "b.json")) == 0
    assert main(["keys", "restore", str(tmp_path / "b.json"), "--gateway-keys", "redis"]) == 0
    assert "PLAUDIT_GATEWAY_KEYS=kafka" in capsys.readouterr().err
    assert main(["keys", "take-over", "--gateway-keys", "kafka"]) == 0
    assert "1 keys taken over" in capsys.readouterr().out
    with redis.Redis.from_url(line.redis_url.get_secret_value()) as client:
        client.delete(f"{line.redis_prefix}plaudit:api-keys")
    assert main(["keys", "create", "--gateway-keys", "kafka"]) == 0
    assert main(["keys", "revoke", first.id, "--gateway-keys", "kafka"]) == 0
    assert main(["keys", "backup", str(tmp_path / "c.json"), "--gateway-keys", "kafka"]) == 0
    assert keys_command(tmp_path, "restore", str(tmp_path / "c.json")) == 0
    book = FileKeyStore(tmp_path / "keys.json").read()
    assert len(book.keys) == 1
    assert book.revoked == {first.id}
