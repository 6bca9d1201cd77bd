"""Which publications of rubrics count, and what they say together."""

from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import ReviewSaltError, SettingsError
from plaudit_schemas.examples import examples
from plaudit_schemas.review.publications import (
    PublishedRubric,
    RubricBook,
    RubricRecord,
    rubric_record_of,
)
from plaudit_schemas.review.salts import fingerprint_for, fingerprint_of, salt_for
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import QueueName, ReviewTarget
from plaudit_schemas.settings import load

from tests.support.rubrics import rubric

KEY = ("app", "quality")


def _published(version: str, at: int, *, salt: str | None = None, **fields: Any) -> RubricRecord:
    made = rubric(version=version, **fields)
    return RubricRecord(
        f"id{at}", "publish", made.application, made.name, version, made, salt, published_ms=at
    )


def _withdrawn(at: int) -> RubricRecord:
    return RubricRecord(f"id{at}", "withdraw", *KEY, "1", published_ms=at)


def _sent(at: int, kind: Any = "answer", message: str = "m", **fields: Any) -> RubricRecord:
    target = ReviewTarget(kind, "c", message)
    made = RubricRecord(f"id{at}", "send", *KEY, "1", target=target, published_by="ada", published_ms=at)
    return made._replace(**fields)


def _states(*records: RubricRecord) -> dict[str, tuple[int, int | None]]:
    book = RubricBook(records)
    return {each.rubric.version: (each.published_ms, each.ended_ms) for each in book.versions(*KEY)}


def _active(*records: RubricRecord) -> str | None:
    found = RubricBook(records).active.get(KEY)
    return found and found.rubric.version


def test_the_newest_publication_is_active_and_ends_the_one_before() -> None:
    records = (_published("1", 10), _published("2", 20))
    assert _active(*records) == "2"
    assert _states(*records) == {"1": (10, 20), "2": (20, None)}
    assert [each.rubric.version for each in RubricBook(records).ended()] == ["1"]


def test_an_earlier_version_may_be_published_again() -> None:
    records = (_published("1", 10), _published("2", 20), _published("1", 30))
    assert _active(*records) == "1"
    assert _states(*records) == {"1": (30, None), "2": (20, 30)}


def test_a_withdrawal_ends_it_until_it_is_published_again() -> None:
    records = (_published("1", 10), _withdrawn(20), _withdrawn(25))
    assert _active(*records) is None
    assert _states(*records) == {"1": (10, 20)}
    assert _active(*records, _published("1", 30)) == "1"
    assert _states(*records, _published("1", 30)) == {"1": (30, None)}
    assert _active(_withdrawn(5)) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_published("1", 20, title="Another"), id="another content"),
        pytest.param(_published("1", 20, salt="another"), id="another salt"),
    ],
)
def test_a_version_belongs_to_what_was_published_first(other: RubricRecord) -> None:
    """Two people publish at the same moment: every reader takes the first of the topic."""
    first, second = _published("1", 10, salt="salt"), _published("2", 15, salt="salt")
    book = RubricBook([first, second, other])
    assert (book.counts("id10"), book.counts("id20")) == (True, False)
    assert book.active[KEY].rubric.version == "2"
    assert book.versions(*KEY)[0].rubric.title == "Is it good?"


def test_rubrics_of_other_applications_and_names_are_apart() -> None:
    book = RubricBook(
        [_published("1", 10), _published("1", 20, application="other"), _published("1", 30, name="tone")]
    )
    assert list(book.active) == [("app", "quality"), ("app", "tone"), ("other", "quality")]
    assert book.find(QueueName("other", "quality", "1")) == book.active["other", "quality"]
    assert book.find(QueueName("other", "quality", "2")) is None
    assert book.find(QueueName("none", "quality", "1")) is None
    assert book.active["app", "tone"].queue == QueueName("app", "tone", "1")


def test_what_is_sent_stays_sent_and_is_there_once() -> None:
    book = RubricBook([_published("1", 1), _sent(10), _sent(20, published_by="bob"), _published("2", 30)])
    (sent,) = book.sent(book.active[KEY].rubric)
    assert (sent.sent_ms, sent.sent_by, sent.target.message_id) == (10, "ada", "m")
    assert book.sent(rubric(name="other")) == []
    assert book.active[KEY].published_ms == 30


def test_what_was_sent_to_a_version_of_another_kind_does_not_fit() -> None:
    book = RubricBook([_sent(10), _sent(20, "prompt"), _sent(30, message="n")])
    assert [each.target.message_id for each in book.sent(rubric("answer"))] == ["m", "n"]
    assert [each.sent_ms for each in book.sent(rubric("prompt"))] == [20]


def test_every_example_is_a_publication() -> None:
    encoder, decoder = Encoder("rubric_publication"), Decoder("rubric_publication")
    for example in examples("rubric_publication"):
        record = decoder.decode(example.payload)
        found = rubric_record_of(record, 1_790_000_000_000)
        copied = record.pop("copied_from")
        assert found.published_ms == (1_790_000_000_000 if copied is None else copied // 1000)
        assert found.key == f"{record['application']}/{record['name']}/{record['id']}".encode()
        again = decoder.decode(encoder.encode(found.to_record()))
        assert rubric_record_of(again, found.published_ms) == found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"action": "unknown"}, "its action is unknown to this release; upgrade it", id="action"),
        pytest.param({"rubric": "{"}, "cannot be read by this release", id="no JSON"),
        pytest.param({"rubric": None}, "cannot be read by this release", id="no rubric"),
        pytest.param({"version": "9"}, "another than the one that it names", id="another version"),
        pytest.param(
            {"rubric": '{"colour": "red"}'}, r"\(\w+: Field required\)", id="a field of a later release"
        ),
    ],
)
def test_what_this_release_does_not_know_is_not_read(changes: dict[str, Any], problem: str) -> None:
    record = next(iter(examples("rubric_publication"))).record
    with pytest.raises(ValueError, match=problem):
        rubric_record_of({**record, **changes}, 0)


def _settings(salt: str = "") -> ReviewSettings:
    return ReviewSettings.model_validate({"review_salt": salt})


SALT = "a salt of the tests"


def test_a_random_share_needs_the_salt_that_it_was_published_with() -> None:
    drawn = rubric(select={"random": 0.1})
    fingerprint = fingerprint_for(_settings(SALT), drawn)
    assert fingerprint == fingerprint_of(SALT.encode())
    assert SALT not in (fingerprint or "")
    published = PublishedRubric(drawn, "id", 0, fingerprint)
    assert salt_for(_settings(SALT), published) == SALT.encode()
    with pytest.raises(ReviewSaltError, match="PLAUDIT_REVIEW_SALT must be set"):
        salt_for(_settings(), published)
    with pytest.raises(ReviewSaltError, match="quality@1 was published with another PLAUDIT_REVIEW_SALT"):
        salt_for(_settings("another salt of it"), published)


def test_a_rubric_without_a_random_share_needs_no_salt() -> None:
    assert fingerprint_for(_settings(), rubric()) is None
    assert salt_for(_settings(SALT), PublishedRubric(rubric(), "id", 0)) is None


def test_the_salt_is_hard_to_guess_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUDIT_REVIEW_SALT", "short")
    with pytest.raises(SettingsError, match="at least 16 characters; `openssl rand -hex 16`"):
        load(ReviewSettings)
    monkeypatch.setenv("PLAUDIT_REVIEW_SALT", SALT)
    assert SALT not in repr(load(ReviewSettings))
