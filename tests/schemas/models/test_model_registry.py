"""The registry on a real Kafka: what is published, refused, gone back to and withdrawn."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from plaudit_schemas.errors import (
    NotFoundError,
    PublicationError,
    RegistryUnavailableError,
    ServiceUnavailableError,
    TopicError,
)
from plaudit_schemas.kafka.publication_log import copy_publications
from plaudit_schemas.models.publication_log import MODEL_LOG
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import MODELS
from plaudit_schemas.topics.admin import ensure

from tests.support.publications import manifest, sha256_of, write_event
from tests.support.topics import add_partitions, alter_topic

pytestmark = [pytest.mark.kafka]


@pytest.fixture
def registry_of_models(connection: ConnectionSettings) -> Iterator[ModelRegistry]:
    with ModelRegistry(connection, min_delay_ms=100) as made:
        yield made


def _publish(registry: ModelRegistry, version: str, **options: Any) -> Any:
    place = options.pop("location", f"/models/{version}")
    return registry.publish(manifest(version), sha256_of(version), place, **{"delay_ms": 100, **options})


def test_what_is_published_is_read_back(
    registry_of_models: ModelRegistry, connection: ConnectionSettings
) -> None:
    before_ms = write_event(connection)
    first = _publish(registry_of_models, "1", published_by="ada", note="try it", delay_ms=100)
    second = _publish(registry_of_models, "2")
    found = registry_of_models.publications("polite")
    assert [each.id for each in found] == [first.id, second.id]
    assert before_ms <= first.published_ms <= second.published_ms <= write_event(connection)
    assert first.active_from_ms == first.published_ms + 100
    assert (found[0].published_by, found[0].note, found[0].replaces) == ("ada", "try it", None)
    assert (found[1].published_by, found[1].note, found[1].replaces) == (None, None, "1")
    assert (first.location, first.sha256) == ("/models/1", sha256_of("1"))
    activations = registry_of_models.activations("polite")
    assert activations.at(first.active_from_ms - 1) is None
    assert activations.at(second.active_from_ms) == second
    assert registry_of_models.publications("other") == []
    assert registry_of_models.activations("other").newest is None


def test_the_manifest_is_kept_without_texts_of_people(registry_of_models: ModelRegistry) -> None:
    _publish(registry_of_models, "1")
    kept = json.loads(registry_of_models.publications()[0].manifest)
    assert kept["licence"] == "Apache-2.0"
    assert "canaries" not in kept


def test_the_newest_is_published_once(registry_of_models: ModelRegistry) -> None:
    first = _publish(registry_of_models, "1")
    assert _publish(registry_of_models, "1", note="again") == first
    moved = _publish(registry_of_models, "1", location="s3://lake/models/1")
    assert moved.id != first.id
    _publish(registry_of_models, "2")
    again = _publish(registry_of_models, "1")
    assert registry_of_models.activations("polite").newest == again
    assert len(registry_of_models.publications()) == 4


def test_a_version_never_changes(registry_of_models: ModelRegistry) -> None:
    _publish(registry_of_models, "1")
    _publish(registry_of_models, "2")
    with pytest.raises(PublicationError, match=r"polite@1; .*another version"):
        registry_of_models.publish(manifest("1"), sha256_of("other"), "/models/other", delay_ms=100)
    registry_of_models.publish(manifest("1", name="other"), sha256_of("other"), "/models/other", delay_ms=100)
    assert len(registry_of_models.publications("polite")) == 2


def test_of_two_folders_at_the_same_moment_the_first_counts(
    registry_of_models: ModelRegistry, connection: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = registry_of_models.publications
    with ModelRegistry(connection, min_delay_ms=100) as other:
        late: Iterator[list[Any]] = iter([[]])  # what the first look shows: nothing is published yet
        monkeypatch.setattr(registry_of_models, "publications", lambda *name: next(late, None) or kept(*name))
        winner = other.publish(manifest("1"), sha256_of("1"), "/models/1", delay_ms=100)
        with pytest.raises(PublicationError, match="another folder was published as polite@1"):
            registry_of_models.publish(manifest("1"), sha256_of("other"), "/models/other", delay_ms=100)
        assert other.activations("polite").newest == winner


def test_a_rollback_makes_the_version_before_active(registry_of_models: ModelRegistry) -> None:
    _publish(registry_of_models, "1")
    _publish(registry_of_models, "1", location="s3://lake/models/1")
    second = _publish(registry_of_models, "2")
    target = registry_of_models.rollback_target("polite")
    back = registry_of_models.rollback(target, delay_ms=100, published_by="ada", note="drift")
    assert (back.version, back.location) == ("1", "s3://lake/models/1")
    assert registry_of_models.activations("polite").at(back.active_from_ms) == back
    assert registry_of_models.activations("polite").at(back.active_from_ms - 1) in (second, None)
    last = registry_of_models.publications()[-1]
    assert (last.action, last.replaces, last.published_by, last.note) == ("rollback", "2", "ada", "drift")
    with pytest.raises(NotFoundError, match="no version before 1; `plaudit models withdraw polite`"):
        registry_of_models.rollback_target("polite")
    assert registry_of_models.rollback_target("polite", "2").id == second.id
    with pytest.raises(PublicationError, match="polite@1 is the newest publication already"):
        registry_of_models.rollback_target("polite", "1")
    with pytest.raises(NotFoundError, match=r"polite@7 was not published; its versions are: 1, 2"):
        registry_of_models.rollback_target("polite", "7")


def test_a_withdrawal_is_undone_by_a_rollback(registry_of_models: ModelRegistry) -> None:
    _publish(registry_of_models, "1")
    gone = registry_of_models.withdraw("polite", delay_ms=100, note="it hurts")
    assert registry_of_models.activations("polite").at(gone.active_from_ms) is None
    with pytest.raises(PublicationError, match="withdrawn already"):
        registry_of_models.withdraw("polite", delay_ms=100)
    back = registry_of_models.rollback(registry_of_models.rollback_target("polite"), delay_ms=100)
    assert registry_of_models.activations("polite").at(back.active_from_ms) == back
    assert registry_of_models.publications()[-1].replaces is None
    assert _publish(registry_of_models, "2").version == "2"


def test_an_unknown_name_is_told_with_those_that_are_known(registry_of_models: ModelRegistry) -> None:
    for call in (registry_of_models.withdraw, registry_of_models.rollback_target):
        with pytest.raises(NotFoundError, match="no model polite was published; published are: none"):
            call("polite")
    _publish(registry_of_models, "1")
    with pytest.raises(NotFoundError, match="no model pollite was published; published are: polite"):
        registry_of_models.withdraw("pollite")


def test_a_delay_that_is_too_short_is_refused(connection: ConnectionSettings) -> None:
    with ModelRegistry(connection) as registry:
        with pytest.raises(PublicationError, match="at least 5 s"):
            registry.publish(manifest(), sha256_of("1"), "/models/1", delay_ms=4_999)
        assert registry.publications() == []


def test_a_record_that_is_no_publication_is_told_and_left_out(
    registry_of_models: ModelRegistry, connection: ConnectionSettings
) -> None:
    _publish(registry_of_models, "1")
    producer = Producer(connection.kafka())
    producer.produce(connection.topic_prefix + MODELS, b"x", b"polite/odd")
    producer.produce(connection.topic_prefix + MODELS, b"", b"polite/empty")
    producer.flush(30)
    _publish(registry_of_models, "2")
    assert [each.version for each in registry_of_models.publications()] == ["1", "2"]
    assert [key for key, _ in registry_of_models.unreadable()] == ["polite/odd", "polite/empty"]


def test_a_tombstone_takes_a_publication_back(
    registry_of_models: ModelRegistry, connection: ConnectionSettings
) -> None:
    first, second = _publish(registry_of_models, "1"), _publish(registry_of_models, "2")
    producer = Producer(connection.kafka())
    producer.produce(connection.topic_prefix + MODELS, None, f"polite/{second.id}".encode())
    producer.flush(30)
    assert registry_of_models.activations("polite").newest == first
    assert registry_of_models.unreadable() == []


def test_a_topic_that_cannot_be_used_is_told(kafka: str, connection: ConnectionSettings) -> None:
    with (
        ModelRegistry(connection.model_copy(update={"topic_prefix": "none."})) as registry,
        pytest.raises(TopicError, match=r"none\.plaudit\.models does not exist; run `plaudit topics create`"),
    ):
        registry.publications()
    alter_topic(connection, MODELS, "message.timestamp.type", "CreateTime")
    with ModelRegistry(connection) as registry, pytest.raises(TopicError, match="broker's time"):
        registry.publish(manifest(), sha256_of("1"), "/models/1")
    add_partitions(connection, MODELS, 2)
    with ModelRegistry(connection) as registry, pytest.raises(TopicError, match="several partitions"):
        registry.publications()


def test_a_kafka_that_is_away_is_told() -> None:
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:9")
    with ModelRegistry(away, timeout_s=0.5) as registry, pytest.raises(ServiceUnavailableError):
        registry.publications()


@pytest.mark.slow
def test_publications_are_copied_with_their_times(
    registry_of_models: ModelRegistry, connection: ConnectionSettings
) -> None:
    _publish(registry_of_models, "1", note="kept")
    registry_of_models.withdraw("polite", delay_ms=100)
    target = connection.model_copy(update={"topic_prefix": f"{connection.topic_prefix}six."})
    ensure(target)
    assert copy_publications(connection, target, MODEL_LOG) == 2
    _publish(registry_of_models, "2")
    assert copy_publications(connection, target, MODEL_LOG) == 1
    assert copy_publications(connection, target, MODEL_LOG) == 0
    with ModelRegistry(target) as copied:
        assert copied.publications() == registry_of_models.publications()
        again = ConnectionSettings(**{**dict(target), "topic_prefix": f"{target.topic_prefix}twice."})
        ensure(again)
        assert copy_publications(target, again, MODEL_LOG) == 3
        with ModelRegistry(again) as twice:
            assert twice.publications() == registry_of_models.publications()


def test_a_line_without_models_has_nothing_to_copy(connection: ConnectionSettings) -> None:
    assert (
        copy_publications(connection.model_copy(update={"topic_prefix": "none."}), connection, MODEL_LOG) == 0
    )


@pytest.mark.registry
def test_publications_take_their_schema_id_from_a_registry(
    connection: ConnectionSettings, registry: str
) -> None:
    with_registry = load(
        ConnectionSettings, None, {
            "PLAUDIT_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
            "PLAUDIT_TOPIC_PREFIX": connection.topic_prefix,
            "PLAUDIT_SCHEMA_REGISTRY_URL": registry,
        },
    )  # fmt: skip
    with ModelRegistry(with_registry, min_delay_ms=100) as registered:
        made = _publish(registered, "1")
        assert registered.activations("polite").newest == made
    with ModelRegistry(connection) as without:
        assert without.publications() == []
        assert "PLAUDIT_SCHEMA_REGISTRY_URL" in without.unreadable()[0][1]
    away = with_registry.model_copy(update={"schema_registry_url": SecretUrl("http://127.0.0.1:9")})
    with ModelRegistry(away, timeout_s=20) as unanswered, pytest.raises(RegistryUnavailableError):
        unanswered.publications()
