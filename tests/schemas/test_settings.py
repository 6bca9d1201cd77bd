"""Settings: where values come from, what is masked, what is refused."""

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, installed, load, origins
from plaudit_schemas.settings.connection import ConnectionSettings


def _flags(*argv: str) -> ConnectionSettings:
    parser = ArgumentParser()
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers",))
    return load(ConnectionSettings, parser.parse_args(argv), {"PLAUDIT_BOOTSTRAP_SERVERS": "environment:1"})


def test_help_shows_the_main_settings_and_the_rest_is_listed_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = ArgumentParser(prog="plaudit work")
    parser.add_argument("id")
    add_arguments(parser, ConnectionSettings, main=("topic_prefix",))
    brief = parser.format_help()
    assert "--topic-prefix VALUE" in brief
    assert "--redis-url" not in brief
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--help-settings"])  # which needs no id
    assert ended.value.code == 0
    listed = capsys.readouterr().out
    assert listed.startswith("plaudit work: settings")
    assert listed.count("[PLAUDIT_") == len(ConnectionSettings.model_fields)
    assert parser.parse_args(["x", "--redis-url", "redis://y"]).setting_redis_url == "redis://y"


def test_a_main_setting_that_does_not_exist_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no setting of this command: frob"):
        add_arguments(ArgumentParser(), ConnectionSettings, main=("frob",))


def test_a_flag_wins_over_the_environment_and_that_over_the_local_stack(tmp_path: Path) -> None:
    stack = {"PLAUDIT_BOOTSTRAP_SERVERS": "stack:1", "PLAUDIT_PARTITIONS": "8"}
    (tmp_path / "stack.json").write_text(json.dumps({"version": 1, "settings": stack}))
    environ = {"PLAUDIT_DATA": str(tmp_path), "PLAUDIT_PARTITIONS": "12"}
    loaded = load(ConnectionSettings, None, environ)
    assert (loaded.bootstrap_servers, loaded.partitions, loaded.topic_prefix) == ("stack:1", 12, "")
    shown = {row.variable: row.origin for row in origins([ConnectionSettings], environ)}
    assert shown["PLAUDIT_BOOTSTRAP_SERVERS"] == "local stack"
    assert shown["PLAUDIT_PARTITIONS"] == "environment"
    assert shown["PLAUDIT_TOPIC_PREFIX"] == "default"
    assert _flags().bootstrap_servers == "environment:1"
    assert _flags("--bootstrap-servers", "flag:1").bootstrap_servers == "flag:1"


def test_a_broken_stack_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(SettingsError, match="plaudit down"):
        load(ConnectionSettings, None, {"PLAUDIT_DATA": str(tmp_path)})


def test_an_unknown_setting_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(
        SettingsError, match="PLAUDIT_REDIS_URI is not a setting; did you mean PLAUDIT_REDIS_URL"
    ):
        load(ConnectionSettings, None, {"PLAUDIT_REDIS_URI": "redis://x"})


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        pytest.param("PLAUDIT_REDIS_URL", "http://x", "must start with redis://", id="redis over http"),
        pytest.param("PLAUDIT_PARTITIONS", "none", "valid integer", id="partitions in words"),
        pytest.param("PLAUDIT_PARTITIONS", "0", "greater than or equal to 1", id="no partitions"),
        pytest.param("PLAUDIT_KAFKA_OPTIONS", "{", "JSON object", id="kafka options cut off"),
        pytest.param("PLAUDIT_KAFKA_OPTIONS", "[]", "dictionary", id="kafka options as a list"),
        pytest.param(
            "PLAUDIT_SCHEMA_REGISTRY_URL", "registry:8081", "http://host:port", id="registry without a scheme"
        ),
        pytest.param("PLAUDIT_TOPIC_PREFIX", "a b", "pattern", id="topic prefix with a blank"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load(ConnectionSettings, None, {variable: value})
    assert variable in str(caught.value)


def test_secrets_are_masked_wherever_they_are_shown() -> None:
    environ = {
        "PLAUDIT_KAFKA_PASSWORD": "hunter2",
        "PLAUDIT_REDIS_URL": "redis://user:hunter2@host:6379/1",
        "PLAUDIT_SCHEMA_REGISTRY_URL": "https://user:hunter2@registry/apis/ccompat/v7",
        "PLAUDIT_KAFKA_OPTIONS": '{"ssl.key.password": "hunter2", "security.protocol": "SASL_SSL"}',
    }
    loaded = load(ConnectionSettings, None, environ)
    assert loaded.kafka()["sasl.password"] == "hunter2"
    assert loaded.redis_url.get_secret_value().endswith("hunter2@host:6379/1")
    shown = repr(loaded) + str(loaded) + str(origins([ConnectionSettings], environ))
    assert "hunter2" not in shown
    assert "redis://user:********@host:6379/1" in shown
    assert "https://user:********@registry/apis/ccompat/v7" in shown
    assert "SASL_SSL" in shown
    assert loaded.kafka()["ssl.key.password"] == "hunter2"


def test_the_users_kafka_options_are_never_overridden_silently() -> None:
    environ = {"PLAUDIT_KAFKA_OPTIONS": '{"security.protocol": "SASL_SSL"}'}
    assert load(ConnectionSettings, None, environ).kafka()["security.protocol"] == "SASL_SSL"


def test_a_registry_set_to_nothing_is_none() -> None:
    assert load(ConnectionSettings, None, {"PLAUDIT_SCHEMA_REGISTRY_URL": ""}).schema_registry_url is None


def test_no_two_members_use_one_variable() -> None:
    fields = [(name, cls) for cls in installed() for name in cls.model_fields]
    assert len({name for name, _ in fields}) == len(fields)
