"""Feedback in TensorZero's shape as events. Pure."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.tensorzero import feedback_document, new_feedback_id, parse_feedback
from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.errors import InvalidEventError

PLACE = MessagePlace("chat", "m1")
RATED = AspectDeclaration(
    name="user_rating",
    kinds=("number",),
    levels=("message",),
    direction="higher_is_better",
    minimum=1,
    maximum=10,
)


def nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


def feedback(
    metric: str, value: Any, declared: AspectDeclaration | None = None, **fields: Any
) -> dict[str, Any]:
    target = {} if "episode_id" in fields else {"inference_id": "m1"}
    body = json.dumps({**target, "metric_name": metric, "value": value, **fields}).encode()
    document = feedback_document(parse_feedback(body), PLACE, declared, "f1")
    found: dict[str, Any] = document["body"]["feedback"]
    return found


@pytest.mark.parametrize(
    ("metric", "value", "aspect", "said"),
    [
        pytest.param("draft_accepted", True, "draft_accepted", {"kind": "thumb", "like": True}, id="boolean"),
        pytest.param("draft_accepted", False, "draft_accepted", {"kind": "thumb", "like": False}, id="false"),
        pytest.param(
            "quality",
            0.25,
            "quality",
            {"kind": "number", "number": 0.25, "minimum": 0, "maximum": 1},
            id="float",
        ),
        pytest.param("comment", "nice", "satisfaction", {"kind": "text", "text": "nice"}, id="comment"),
        pytest.param(
            "demonstration",
            "Better.",
            "accuracy",
            {"kind": "correction", "content": "Better."},
            id="text shown",
        ),
        pytest.param(
            "demonstration",
            [{"type": "text", "text": "Bet"}, {"type": "text", "text": "ter."}],
            "accuracy",
            {"kind": "correction", "content": "Better."},
            id="blocks shown",
        ),
        pytest.param(
            "demonstration",
            {"answer": 4},
            "accuracy",
            {"kind": "correction", "content": '{"answer":4}'},
            id="JSON shown",
        ),
        pytest.param(
            "demonstration",
            [{"type": "tool_call", "name": "look", "arguments": {}}],
            "accuracy",
            {"kind": "correction", "content": '[{"type":"tool_call","name":"look","arguments":{}}]'},
            id="tool call shown",
        ),
    ],
)
def test_each_kind_of_feedback(metric: str, value: Any, aspect: str, said: dict[str, Any]) -> None:
    found = feedback(metric, value)
    assert (found["aspect"], found["value"], found["rater"]) == (aspect, said, {"kind": "user"})


def test_a_number_is_on_its_declared_scale() -> None:
    assert feedback("user_rating", 10, RATED)["value"] == {
        "kind": "number", "number": 10, "minimum": 1, "maximum": 10,
    }  # fmt: skip


def test_tags_say_who_rates() -> None:
    tags = {
        "user_id": "u1",
        "rater_kind": "model",
        "rater_version": "2",
        "variant": "a",
        "tensorzero::x": "y",
    }
    assert feedback("ok", True, tags=tags)["rater"] == {"kind": "model", "id": "u1", "version": "2"}
    body = {"inference_id": "m", "metric_name": "ok", "value": True, "tags": tags}
    assert parse_feedback(json.dumps(body).encode()).tags_not_kept == ["variant", "tensorzero::x"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param(
            {"metric_name": "quality", "value": 7}, "declare its minimum and maximum", id="no scale"
        ),
        pytest.param(
            {"metric_name": "quality", "value": "good"}, "must be true, false or a number", id="text"
        ),
        pytest.param({"metric_name": "quality", "value": None}, "must be true, false or a number", id="null"),
        pytest.param({"metric_name": "comment", "value": 1}, "must be a text", id="comment of a number"),
        pytest.param({"metric_name": "demonstration", "value": 1}, "content of an answer", id="number shown"),
        pytest.param({"metric_name": "quality"}, "value: Field required", id="no value"),
        pytest.param({"metric_name": "", "value": True}, "metric_name", id="empty metric"),
        pytest.param({"metric_name": "m" * 129, "value": True}, "metric_name", id="long metric"),
        pytest.param({"value": True}, "metric_name: Field required", id="no metric"),
        pytest.param(
            {"metric_nam": "x", "metric_name": "x", "value": 1},
            "did you mean metric_name",
            id="misspelt field",
        ),
        pytest.param(
            {"metric_name": "x", "value": 1, "zzz": 1},
            "known are inference_id, episode_id",
            id="unknown field",
        ),
        pytest.param({"metric_name": "x", "value": 1, "tags": {"a": 1}}, "tags.a", id="tag of a number"),
        pytest.param(
            {"metric_name": "x", "value": True, "tags": {"rater_kind": "god"}},
            "must be one of user, reviewer, model",
            id="unknown kind of rater",
        ),
        pytest.param({"metric_name": "x", "value": 1, "episode_id": "e"}, "give either", id="both targets"),
        pytest.param({"metric_name": "x", "value": 1, "inference_id": None}, "give either", id="no target"),
        pytest.param({"metric_name": "x", "value": 1, "inference_id": 7}, "inference_id", id="number as id"),
        pytest.param(
            {"metric_name": "demonstration", "value": "x", "inference_id": None, "episode_id": "e"},
            "a demonstration is for a message",
            id="a chat shown",
        ),
        pytest.param({"metric_name": "x", "value": 1, "dryrun": "yes"}, "dryrun", id="odd dry run"),
        pytest.param(
            {"metric_name": "demonstration", "value": nested(300)},
            "value is nested too deeply",
            id="nested without end",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], problem: str) -> None:
    body = json.dumps({"inference_id": "m1", **fields}).encode()
    with pytest.raises(InvalidEventError, match=re.escape(problem)):
        feedback_document(parse_feedback(body), PLACE, None, "f1")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b"7", "must be a JSON object"),
    ],
    ids=["empty", "cut", "list", "number"],
)
def test_another_body_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InvalidEventError, match=says):
        parse_feedback(body)


def test_what_is_shown_may_be_nested_as_deeply_as_a_body() -> None:
    shown = feedback("demonstration", nested(255))["value"]["content"]
    assert json.loads(shown) == nested(255)


def test_ids_are_uuids_and_follow_from_the_idempotency_key() -> None:
    first, second = new_feedback_id("shop", None), new_feedback_id("shop", None)
    assert first != second
    assert UUID(first).version == 7
    keyed = new_feedback_id("shop", "k")
    assert keyed == new_feedback_id("shop", "k")
    assert len({keyed, new_feedback_id("shop", "l"), new_feedback_id("other", "k")}) == 3
    assert (UUID(keyed).version, UUID(keyed).variant) == (8, UUID(first).variant)
