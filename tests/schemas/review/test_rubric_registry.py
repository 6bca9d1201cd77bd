"""The registry of rubrics on a real Kafka: what is published, refused, sent and withdrawn; who follows it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.errors import (
    NotFoundError,
    PublicationError,
    ReviewSaltError,
    ServiceUnavailableError,
    TopicError,
)
from plaudit_schemas.kafka.publication_log import PublicationLog, copy_publications
from plaudit_schemas.review.follower import RubricFollower
from plaudit_schemas.review.publications import PublishedRubric, RubricRecord
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric_log import RUBRIC_LOG
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import ReviewTarget
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import RUBRICS
from plaudit_schemas.topics.admin import ensure

from tests.support.rubrics import THUMB, rubric
from tests.support.topics import add_partitions, alter_topic

pytestmark = [pytest.mark.kafka]
SALTED = ReviewSettings.model_validate({"review_salt": "a salt of the tests"})
OTHER = ReviewSettings.model_validate({"review_salt": "another salt of it"})
TARGET = ReviewTarget("answer", "c", "m")


@pytest.fixture
def rubrics(connection: ConnectionSettings) -> Iterator[RubricRegistry]:
    with RubricRegistry(connection) as made:
        yield made


def _publish(registry: RubricRegistry, version: str = "1", **fields: Any) -> PublishedRubric:
    return registry.publish(rubric(version=version, **fields), SALTED, published_by="ada", note="try")


def test_what_is_published_is_read_back(rubrics: RubricRegistry) -> None:
    first = _publish(rubrics, title="هل الجواب جيد؟")
    second = _publish(rubrics, "2", select={"random": 0.25})
    book = rubrics.book()
    assert book.active == {("app", "quality"): second}
    assert book.versions("app", "quality") == [first._replace(ended_ms=second.published_ms), second]
    assert (first.published_by, first.note, first.rubric.title) == ("ada", "try", "هل الجواب جيد؟")
    assert first.salt_fingerprint is None
    assert second.salt_fingerprint


def test_a_version_is_published_once(rubrics: RubricRegistry) -> None:
    first = _publish(rubrics)
    assert _publish(rubrics) == first
    _publish(rubrics, "2")
    again = _publish(rubrics)
    assert again.publication_id != first.publication_id
    assert rubrics.book().active["app", "quality"] == again


@pytest.mark.parametrize("withdrawn", [pytest.param(False, id="active"), pytest.param(True, id="withdrawn")])
def test_a_version_never_changes(rubrics: RubricRegistry, withdrawn: bool) -> None:
    _publish(rubrics, select={"random": 0.1})
    if withdrawn:
        rubrics.withdraw("app", "quality")
    with pytest.raises(PublicationError, match="another rubric was published as quality@1"):
        _publish(rubrics, title="Another")
    with pytest.raises(PublicationError, match="quality@1 was published with another PLAUDIT_REVIEW_SALT"):
        rubrics.publish(rubric(select={"random": 0.1}), OTHER)
    assert _publish(rubrics, select={"random": 0.1}).ended_ms is None


def test_one_salt_serves_all_active_rubrics(rubrics: RubricRegistry) -> None:
    drawn: dict[str, Any] = {"select": {"random": 0.1}}
    with pytest.raises(ReviewSaltError, match="must be set"):
        rubrics.publish(rubric(**drawn), ReviewSettings())
    _publish(rubrics, **drawn)
    with pytest.raises(ReviewSaltError, match="quality@1 of application app is active with another"):
        rubrics.publish(rubric(name="tone", **drawn), OTHER)
    rubrics.publish(rubric(name="tone"), OTHER)  # draws nothing
    rubrics.withdraw("app", "quality")
    rubrics.publish(rubric(version="2", **drawn), OTHER)


def test_only_what_was_published_can_be_continued(rubrics: RubricRegistry) -> None:
    _publish(rubrics)
    with pytest.raises(PublicationError, match="continues names version 0, which was never published"):
        _publish(rubrics, "2", continues=["0"])
    with pytest.raises(PublicationError, match="version 1, whose items are of kind answer, not conversation"):
        rubrics.publish(rubric("conversation", THUMB, version="2", continues=["1"]), SALTED)
    assert _publish(rubrics, "2", continues=["1"]).rubric.continues == ("1",)


def test_what_is_withdrawn_is_over(rubrics: RubricRegistry) -> None:
    with pytest.raises(NotFoundError, match=r"application app has no rubric quality .* published are: none"):
        rubrics.withdraw("app", "quality")
    _publish(rubrics)
    assert rubrics.withdraw("app", "quality", note="done").rubric.version == "1"
    book = rubrics.book()
    assert (book.active, book.versions("app", "quality")[0].ended_ms is None) == ({}, False)
    with pytest.raises(NotFoundError):
        rubrics.send("app", "quality", TARGET)


def test_what_is_sent_is_sent_once(rubrics: RubricRegistry) -> None:
    _publish(rubrics)
    first = rubrics.send("app", "quality", TARGET, published_by="ada", note="look")
    assert rubrics.send("app", "quality", TARGET, published_by="bob") == first
    second = rubrics.send("app", "quality", ReviewTarget("answer", "c", "n"))
    assert rubrics.book().sent(rubric()) == [first, second]
    assert (first.sent_by, first.note, first.target) == ("ada", "look", TARGET)


@pytest.mark.parametrize(
    ("target", "sent", "problem"),
    [
        pytest.param("answer", ("prompt", "c", "m"), "has targets of kind answer", id="another kind"),
        pytest.param("topic", ("topic", "", "cooking#1"), "has topics to write about", id="a topic"),
        pytest.param("answer", ("answer", "", "m"), "id of a conversation is needed", id="no conversation"),
        pytest.param("answer", ("answer", "c", ""), "is about one answer; name its message", id="no message"),
        pytest.param("conversation", ("conversation", "c", "m"), "leave the message out", id="a message"),
    ],
)
def test_what_a_rubric_does_not_review_cannot_be_sent(
    rubrics: RubricRegistry, target: str, sent: tuple[Any, str, str], problem: str
) -> None:
    rubrics.publish(rubric(target), SALTED)
    with pytest.raises(PublicationError, match=problem):
        rubrics.send("app", "quality", ReviewTarget(*sent))
    assert rubrics.book().sent(rubric(target)) == []


def test_answers_at_the_start_of_a_conversation_can_be_sent(rubrics: RubricRegistry) -> None:
    rubrics.publish(rubric("answers"), SALTED)
    target = ReviewTarget("answers", "c", "")
    assert rubrics.send("app", "quality", target).target == target


def test_of_two_who_publish_at_the_same_moment_one_is_told(
    connection: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked before either writes."""
    barrier = threading.Barrier(2)
    write = PublicationLog.append

    def append(log: Any, record: Any, **options: Any) -> int:
        barrier.wait(30)
        return write(log, record, **options)

    monkeypatch.setattr(PublicationLog, "append", append)
    told: list[object] = []

    def publish(title: str) -> None:
        with RubricRegistry(connection) as registry:
            try:
                told.append(_publish(registry, title=title).rubric.title)
            except PublicationError as error:
                told.append(str(error))

    threads = [threading.Thread(target=publish, args=(title,)) for title in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with RubricRegistry(connection) as registry:
        title = registry.book().active["app", "quality"].rubric.title
    refused = [each for each in told if "another rubric was published as quality@1" in str(each)]
    assert len(refused) == 1
    assert [each for each in told if each not in refused] == [title]


def test_the_follower_sees_what_is_new(connection: ConnectionSettings, rubrics: RubricRegistry) -> None:
    follower = RubricFollower(connection)
    assert follower.book.active == {}
    empty = follower.look()
    assert follower.look() is empty
    first = _publish(rubrics)
    book = follower.look()
    assert book.active == {("app", "quality"): first}
    assert follower.look() is book
    rubrics.send("app", "quality", TARGET)
    assert [each.target for each in follower.look().sent(first.rubric)] == [TARGET]
    assert follower.unreadable == []
    follower.close()


def _write(connection: ConnectionSettings, key: bytes, value: bytes) -> None:
    producer = Producer(connection.kafka())
    producer.produce(connection.topic_prefix + RUBRICS, value, key)
    assert producer.flush(30) == 0


def test_what_cannot_be_read_does_not_count_and_is_told(
    connection: ConnectionSettings, rubrics: RubricRegistry
) -> None:
    first = _publish(rubrics)
    _write(connection, b"app/quality/odd", b"x")
    record = RubricRecord("later", "publish", "app", "quality", "2").to_record()
    later = {**record, "rubric": '{"colour": "red"}', "copied_from": None}
    _write(connection, b"app/quality/later", Encoder("rubric_publication").encode(later))
    follower = RubricFollower(connection)
    assert follower.look().active == {("app", "quality"): first}
    assert [key for key, _ in follower.unreadable] == ["app/quality/odd", "app/quality/later"]
    assert rubrics.unreadable() == follower.unreadable
    follower.close()


def test_a_large_rubric_fits_into_the_topic(rubrics: RubricRegistry) -> None:
    items = [{"conversation": f"c{number:064d}", "expected": {"fine": True}} for number in range(9000)]
    fields: dict[str, Any] = {"guidelines": "é" * 100_000, "controls": {"items": items}}
    made = rubric("conversation", THUMB, **fields)
    assert rubrics.publish(made, SALTED).rubric == made


def test_publications_are_copied_with_their_times(
    connection: ConnectionSettings, rubrics: RubricRegistry
) -> None:
    _publish(rubrics, select={"random": 0.1})
    rubrics.send("app", "quality", TARGET)
    target = connection.model_copy(update={"topic_prefix": f"{connection.topic_prefix}six."})
    ensure(target)
    assert [copy_publications(connection, target, RUBRIC_LOG) for _ in range(2)] == [2, 0]
    with RubricRegistry(target) as copied:
        assert copied.book().active == rubrics.book().active
        assert copied.book().sent(rubric()) == rubrics.book().sent(rubric())


def test_a_topic_that_cannot_be_used_is_told(connection: ConnectionSettings, rubrics: RubricRegistry) -> None:
    _publish(rubrics)
    alter_topic(connection, RUBRICS, "message.timestamp.type", "CreateTime")
    with pytest.raises(TopicError, match=r"set message\.timestamp\.type=LogAppendTime"):
        _publish(rubrics, "2")
    add_partitions(connection, RUBRICS, 2)
    with RubricRegistry(connection) as again, pytest.raises(TopicError, match="several partitions"):
        again.book()
    missing = connection.model_copy(update={"topic_prefix": "none."})
    with RubricRegistry(missing) as none, pytest.raises(TopicError, match="run `plaudit topics create`"):
        none.book()


def test_a_kafka_that_is_away_is_told() -> None:
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:9")
    with RubricRegistry(away, timeout_s=0.5) as registry, pytest.raises(ServiceUnavailableError):
        registry.publish(rubric(), SALTED)
    follower = RubricFollower(away, timeout_s=0.5)
    with pytest.raises(ServiceUnavailableError):
        follower.look()
    follower.close()
