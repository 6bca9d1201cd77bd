"""`plaudit review check`, `publish`, `list`, `send` and `withdraw` on a real Kafka."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import RUBRICS
from plaudit_schemas.topics.admin import ensure

from tests.support.rubrics import RATING, THUMB, rubric_fields

Plaudit = Callable[..., str]
Write = Callable[..., str]
SALT = "a salt of the tests"


@pytest.fixture
def connection(kafka: str, monkeypatch: pytest.MonkeyPatch) -> ConnectionSettings:
    settings = ConnectionSettings(
        bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=1
    )
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", settings.topic_prefix)
    ensure(settings)
    return settings


@pytest.fixture
def review(capsys: pytest.CaptureFixture[str]) -> Plaudit:
    """Runs `plaudit review ...`, and gives what it printed."""

    def run(*words: str, code: int = OK) -> str:
        capsys.readouterr()
        assert main(["review", *words]) == code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(version: str = "1", target: str = "answer", *questions: Any, **fields: Any) -> str:
        path = tmp_path / f"{fields.get('name', 'quality')}-{version}.yaml"
        made = rubric_fields(target, *questions, version=version, **fields)
        path.write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
        return str(path)

    return make


def test_a_check_tells_what_is_fine_and_all_that_is_not(review: Plaudit, write: Write) -> None:
    fine, wrong = write("1", "answer", THUMB), write("2", "answer", {**THUMB, "kind": "thum"}, overlap=0)
    printed = review("check", fine)
    assert "quality@1 of application app is fine; its target is answer" in printed
    assert "its questions are fine (thumb)\n" in printed
    assert "  note: nothing is selected" in printed
    printed = review("check", fine, wrong, f"{wrong}.none", code=FAILED)
    assert f"{wrong}: line 8: questions.0.kind: thum is not allowed; did you mean thumb?" in printed
    assert f"{wrong}: line 10: overlap: " in printed
    assert f"{wrong}.none: the rubric {wrong}.none cannot be read" in printed
    assert "quality@1 of application app is fine" in printed


def test_a_check_looks_at_the_declared_aspects(
    review: Plaudit, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"name": "fine", "kinds": ["number"], "levels": ["message"], "direction": "neutral"}
    (tmp_path / "aspects.yaml").write_text(json.dumps({"version": 1, "applications": {"app": [declared]}}))
    made = write("1", "answer", THUMB)
    problem = "questions.0: kind does not fit: aspect fine is declared with kinds number, not thumb"
    assert problem in review("check", made, "--aspects", str(tmp_path / "aspects.yaml"), code=FAILED)
    monkeypatch.setenv("PLAUDIT_ASPECTS", str(tmp_path / "aspects.yaml"))
    assert problem in review("publish", made, code=FAILED)


@pytest.mark.kafka
def test_a_rubric_is_published_listed_and_withdrawn(
    review: Plaudit, write: Write, connection: ConnectionSettings
) -> None:
    assert "no rubric is published; `plaudit review publish FILE`" in review("list")
    first = write()
    printed = review("publish", first, "--by", "ada", "--note", "the \x1b[31mfirst")
    assert printed.startswith("quality@1 of application app is active since 20")
    assert "is active already; nothing was done" in review("publish", first)
    printed = review("publish", write("2", continues=["1"]))
    assert "version 1 has ended, and its verdicts count\n" in printed
    printed = review("publish", write("3"))
    assert "version 2 has ended, and its verdicts do not count for this one\n" in printed
    assert "quality@1" not in review("list")
    lines = review("list", "--all").splitlines()
    assert [line.split()[:3] for line in lines] == [["app", f"quality@{each}", "answer"] for each in "123"]
    assert "was active 20" in lines[0]
    assert lines[0].endswith(r"the \x1b[31mfirst")
    (document,) = json.loads(review("list", "--json"))
    assert (document["version"], document["ended_ms"], document["sent"]) == ("3", None, 0)
    assert document["rubric"]["questions"][0]["name"] == "fine"
    assert review("withdraw", "quality") == "quality@3 of application app has ended\n"
    assert "no rubric quality is published; published are: none" in review("withdraw", "quality", code=FAILED)
    assert json.loads(review("list", "--json")) == []


@pytest.mark.kafka
def test_other_content_and_other_salts_are_refused(
    review: Plaudit, write: Write, connection: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {"select": {"random": 0.5}}
    assert "PLAUDIT_REVIEW_SALT must be set" in review("publish", write(**drawn), code=FAILED)
    monkeypatch.setenv("PLAUDIT_REVIEW_SALT", SALT)
    review("publish", write(**drawn))
    assert "a version never changes" in review("publish", write(title="Another", **drawn), code=FAILED)
    monkeypatch.setenv("PLAUDIT_REVIEW_SALT", "another salt of it")
    other = write(name="tone", **drawn)
    assert "is active with another PLAUDIT_REVIEW_SALT" in review("publish", other, code=FAILED)
    monkeypatch.setenv("PLAUDIT_REVIEW_SALT", "short")
    assert "at least 16 characters" in review("publish", other, code=FAILED)


@pytest.mark.kafka
def test_a_target_is_sent_to_a_queue(review: Plaudit, write: Write, connection: ConnectionSettings) -> None:
    review("publish", write())
    printed = review("send", "quality", "محادثة", "m", "--by", "ada", "--note", "look")
    assert printed == "محادثة m is sent to the queue of quality; it is an item once the log has it\n"
    again = review("send", "quality", "محادثة", "m")
    assert again.startswith("محادثة m was sent to quality already, 20")
    assert again.endswith(" by ada\n")
    assert review("list").rstrip().endswith("1 sent")
    assert "name its message" in review("send", "quality", "c", code=FAILED)
    assert "no rubric none is published" in review("send", "none", "c", code=FAILED)


@pytest.mark.kafka
def test_a_name_that_two_applications_have_needs_the_application(
    review: Plaudit, write: Write, connection: ConnectionSettings
) -> None:
    review("publish", write("1", "conversation", RATING))
    review("publish", write("2", "conversation", RATING, application="other"))
    printed = review("send", "quality", "c", code=FAILED)
    assert "2 applications have a rubric quality; name one with --application: app, other" in printed
    assert "c is sent" in review("send", "quality", "c", "--application", "other")
    assert "application none has no rubric quality" in review(
        "withdraw", "quality", "--application", "none", code=FAILED
    )
    assert [each["sent"] for each in json.loads(review("list", "--json"))] == [0, 1]


@pytest.mark.kafka
@pytest.mark.redis
def test_the_queue_of_a_rubric_is_told_apart_from_none(
    review: Plaudit, write: Write, connection: ConnectionSettings, valkey: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("PLAUDIT_REDIS_URL", valkey)
    monkeypatch.setenv("PLAUDIT_REDIS_PREFIX", connection.topic_prefix)
    review("publish", write())
    none = "the queue does not exist; `plaudit review-queue` makes it while it runs"
    assert f"note: {none}\n0 of 0 items are done" in review("status", "quality")
    assert json.loads(review("status", "quality", "--json"))["stage"] == "unknown"
    assert f"note: {none}" in review("export", "quality")
    away = str(tmp_path / "none" / "v.csv")
    assert "v.csv cannot be written: No such file" in review(
        "export", "quality", "--output", away, code=FAILED
    )
    review("withdraw", "quality")
    assert "`plaudit review list --all` also has those that were" in review("status", "quality", code=FAILED)
    assert none in review("status", "quality", "--version", "1")


@pytest.mark.kafka
def test_what_this_release_cannot_read_is_named(review: Plaudit, connection: ConnectionSettings) -> None:
    producer = Producer(connection.kafka())
    producer.produce(connection.topic_prefix + RUBRICS, b"x", b"app/quality/odd\x1b")
    assert producer.flush(30) == 0
    assert r"not readable: app/quality/odd\x1b: " in review("list")


@pytest.mark.kafka
def test_a_missing_topic_of_rubrics_is_told(
    review: Plaudit, connection: ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", "none.")
    assert "the topic none.plaudit.rubrics does not exist; run `plaudit topics create`" in review(
        "list", code=FAILED
    )
