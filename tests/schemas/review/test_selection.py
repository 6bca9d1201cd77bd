"""Which messages become items, and why."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.review.rubric import ItemFilter, Rubric
from plaudit_schemas.review.selection import (
    ItemFacts,
    SeenMessage,
    asks_for_feedback,
    candidates_of,
    control_targets,
    fits,
    in_random_share,
    needs_facts,
    random_place,
    reasons_of_feedback,
    reasons_of_target,
    target_of,
    topics_of,
)
from plaudit_schemas.review.targets import ReviewTarget

from tests.support.rubrics import rubric

SALT = b"a salt of the tests"
ANSWER = SeenMessage("c", "a", "assistant", "complete", "q", ("a", "b"))
PROMPT = SeenMessage("c", "q", "user", "complete")


def _drawing(share: float, **fields: Any) -> Rubric:
    return rubric(select={"random": share}, **fields)


@pytest.mark.parametrize(
    ("target", "message", "found"),
    [
        pytest.param("answer", ANSWER, ("answer", "c", "a"), id="an answer"),
        pytest.param("answer", PROMPT, None, id="a prompt is no answer"),
        pytest.param("answer", ANSWER._replace(status="partial"), None, id="half an answer"),
        pytest.param("answer", ANSWER._replace(by_reviewer=True), None, id="a reviewer's answer"),
        pytest.param("prompt", PROMPT, ("prompt", "c", "q"), id="a prompt"),
        pytest.param("prompt", PROMPT._replace(by_reviewer=True), ("prompt", "c", "q"), id="a seed"),
        pytest.param("prompt", ANSWER, None, id="an answer is no prompt"),
        pytest.param("conversation", ANSWER, ("conversation", "c", ""), id="a chat with an answer"),
        pytest.param("conversation", PROMPT, None, id="a chat without an answer"),
        pytest.param("answers", ANSWER, ("answers", "c", "q"), id="two answers"),
        pytest.param("answers", ANSWER._replace(siblings=("a",)), None, id="one answer is no choice"),
        pytest.param("answers", ANSWER._replace(parent_id=""), ("answers", "c", ""), id="two greetings"),
        pytest.param(
            "answers", ANSWER._replace(by_reviewer=True), ("answers", "c", "q"), id="a demonstration"
        ),
        pytest.param("topic", ANSWER, None, id="topics have no messages"),
        pytest.param("answer", ANSWER._replace(role="tool"), None, id="a tool"),
    ],
)
def test_what_a_message_is_for_a_rubric(
    target: str, message: SeenMessage, found: tuple[str, str, str] | None
) -> None:
    assert target_of(rubric(target), message) == found


def test_the_first_eight_answers_are_compared() -> None:
    names = tuple(map(str, range(12)))
    assert candidates_of(ANSWER._replace(siblings=names)) == names[:8]


def test_every_prompt_that_topics_ask_for_is_a_target() -> None:
    topics = [{"name": "a", "prompts": 2}, {"name": "b#1", "prompts": 1}]
    found = topics_of(rubric("topic", topics=topics))
    assert [target.message_id for target in found] == ["a#1", "a#2", "b#1#1"]


def test_the_controls_and_what_is_expected() -> None:
    items = [{"conversation": "c", "message": "m", "expected": {"fine": False}}]
    made = rubric(controls={"items": items})
    assert control_targets(made) == {ReviewTarget("answer", "c", "m"): {"fine": False}}
    assert control_targets(rubric()) == {}


@given(st.text(), st.text(), st.floats(0, 1))
def test_the_share_is_a_keyed_hash_of_the_target(conversation: str, message: str, share: float) -> None:
    target = ReviewTarget("answer", conversation, message)
    text = f"app\0quality\0answer\0{conversation}\0{message}".encode()
    place = int(hmac.new(SALT, text, hashlib.sha256).hexdigest()[:16], 16) / 2**64
    assert random_place(SALT, rubric(), target) == pytest.approx(place, abs=2**-53)
    assert in_random_share(SALT, _drawing(share), target) == (random_place(SALT, rubric(), target) < share)
    assert in_random_share(SALT, _drawing(1.0), target)
    assert not in_random_share(SALT, _drawing(0.0), target)


@pytest.mark.slow
def test_the_share_is_as_large_as_it_says_and_grows_by_addition() -> None:
    targets = [ReviewTarget("answer", new_ulid(), str(number % 3)) for number in range(20_000)]
    small = {target for target in targets if in_random_share(SALT, _drawing(0.05), target)}
    large = {target for target in targets if in_random_share(SALT, _drawing(0.2), target)}
    assert small < large
    # Six standard deviations: 1 in 500 million runs fails.
    assert abs(len(small) - 1000) < 6 * (20_000 * 0.05 * 0.95) ** 0.5
    assert abs(len(large) - 4000) < 6 * (20_000 * 0.2 * 0.8) ** 0.5


def test_what_the_sample_depends_on() -> None:
    targets = [ReviewTarget("answer", "c", str(number)) for number in range(200)]

    def drawn(made: Rubric, salt: bytes = SALT) -> list[bool]:
        return [in_random_share(salt, made, target) for target in targets]

    first = drawn(_drawing(0.5))
    assert drawn(_drawing(0.5, version="2", title="Another")) == first
    assert drawn(_drawing(0.5, name="other")) != first
    assert drawn(_drawing(0.5, application="other")) != first
    assert drawn(_drawing(0.5), b"another salt") != first


def test_the_reasons_of_a_target() -> None:
    target = ReviewTarget("answer", "c", "m")
    both = rubric(select={"random": 1.0, "everything": True})
    assert reasons_of_target(both, target, SALT) == ("random", "everything")
    assert reasons_of_target(rubric(select={"everything": True}), target, None) == ("everything",)
    assert reasons_of_target(rubric(), target, None) == ()
    with pytest.raises(ValueError, match="needs a salt"):
        reasons_of_target(_drawing(0.1), target, None)


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        pytest.param({}, True, id="nothing asked"),
        pytest.param({"models": ["m1", "m9"]}, True, id="a model"),
        pytest.param({"models": ["m9"]}, False, id="another model"),
        pytest.param({"variants": {"tone": ["warm"]}}, True, id="an arm"),
        pytest.param({"variants": {"tone": ["cold"]}}, False, id="another arm"),
        pytest.param({"variants": {"size": ["big"]}}, False, id="another experiment"),
        pytest.param({"tags": {"locale": ["ar", "he"]}}, True, id="a tag"),
        pytest.param({"tags": {"locale": ["de"]}}, False, id="another value"),
        pytest.param({"tags": {"locale": []}}, True, id="any value"),
        pytest.param({"models": ["m1"], "tags": {"locale": ["de"]}}, False, id="one of two"),
    ],
)
def test_the_filter(allowed: dict[str, Any], expected: bool) -> None:
    facts = ItemFacts(("m1", "m2"), {"tone": "warm"}, {"locale": "ar"})
    made = rubric(select={"filter": allowed})
    assert fits(ItemFilter.model_validate(allowed), facts) is expected
    assert needs_facts(made) is bool(allowed)


def _feedback(kind: str, value: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    name = {"thumb": "Thumb", "number": "Number", "label": "Label"}[kind]
    said = {"rater": {"kind": "user"}, "aspect": "quality", "kind": kind, **fields}
    return said if value is None else {**said, "value": (f"plaudit.v1.{name}", value)}


def _score(number: float, scorer: str = "judge", **fields: Any) -> dict[str, Any]:
    value = {"number": number, "minimum": 1.0, "maximum": 5.0}
    return _feedback("number", value, **{"rater": {"kind": "model", "id": scorer}, **fields})


UNSURE = {"scorer": "judge", "aspect": "quality", "within": 0.125}


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        pytest.param(_score(3.0), True, id="the middle"),
        pytest.param(_score(3.5), True, id="at the edge"),
        pytest.param(_score(3.51), False, id="beyond"),
        pytest.param(_score(3.0, "other"), False, id="another scorer"),
        pytest.param(_score(3.0, aspect="tone"), False, id="another aspect"),
        pytest.param(_score(3.0, rater={"kind": "reviewer", "id": "judge"}), False, id="a person"),
        pytest.param(
            _feedback("number", None, rater={"kind": "model", "id": "judge"}), False, id="withdrawn"
        ),
        pytest.param(_feedback("thumb", {"like": True}, rater={"kind": "model"}), False, id="no number"),
    ],
)
def test_what_a_model_is_unsure_of(feedback: dict[str, Any], expected: bool) -> None:
    made = rubric(select={"unsure": UNSURE})
    assert reasons_of_feedback(made, feedback) == (("unsure",) if expected else ())
    assert reasons_of_feedback(rubric(), feedback) == ()


def test_any_scorer_may_be_unsure() -> None:
    made = rubric(select={"unsure": {}})
    assert reasons_of_feedback(made, _score(3.1, "any")) == ("unsure",)


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        pytest.param(_feedback("thumb", {"like": False}), True, id="a dislike"),
        pytest.param(_feedback("thumb", {"like": True}), False, id="a like"),
        pytest.param(_score(2.0, rater={"kind": "user"}), True, id="the lower half"),
        pytest.param(_score(3.0, rater={"kind": "user"}), False, id="the middle"),
        pytest.param(_score(2.0), False, id="a model"),
        pytest.param(_feedback("thumb", {"like": False}, rater={"kind": "reviewer"}), False, id="a reviewer"),
        pytest.param(_feedback("label", {"labels": ["incorrect"]}, aspect="accuracy"), False, id="a label"),
        pytest.param(_feedback("thumb", None), False, id="withdrawn"),
    ],
)
def test_what_users_dislike(feedback: dict[str, Any], expected: bool) -> None:
    made = rubric(select={"disliked": True})
    assert reasons_of_feedback(made, feedback) == (("disliked",) if expected else ())


LIKE = _feedback("thumb", {"like": True})


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(_score(2.0), True, id="a model on the other side"),
        pytest.param(_score(4.0), False, id="the same side"),
        pytest.param(_score(3.0), False, id="the middle"),
        pytest.param(_score(2.0, aspect="tone"), False, id="another aspect"),
        pytest.param(_score(2.0, rater={"kind": "user"}), False, id="the same rater"),
        pytest.param(_score(2.0, rater={"kind": "reviewer", "id": "ada"}), True, id="a reviewer"),
        pytest.param(_feedback("number", None, rater={"kind": "model"}), False, id="withdrawn"),
    ],
)
def test_disagreement(other: dict[str, Any], expected: bool) -> None:
    made = rubric(select={"disagreement": True})
    assert reasons_of_feedback(made, LIKE, [LIKE, other]) == (("disagreement",) if expected else ())
    withdrawn = _feedback("thumb", None)
    assert reasons_of_feedback(made, withdrawn, [LIKE, other]) == ()


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"random": 1.0, "everything": True}, False, id="by existence"),
        pytest.param({"unsure": {}}, True, id="unsure"),
        pytest.param({"disliked": True}, True, id="disliked"),
        pytest.param({"disagreement": True}, True, id="disagreement"),
    ],
)
def test_whether_feedback_matters(select: dict[str, Any], expected: bool) -> None:
    assert asks_for_feedback(rubric(select=select).select) is expected
