"""Feedback in TensorZero's shape, turned into an event. Pure.

Shape: tensorzero/tensorzero, docs/gateway/api-reference/feedback.mdx. An inference is a message, an episode
is a conversation, and a metric is an aspect.
"""

import os
import time
from collections.abc import Mapping
from difflib import get_close_matches
from hashlib import sha256
from typing import Any, Final, get_args
from uuid import UUID

import orjson
from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.contract.field_types import Id, RaterKind
from plaudit_schemas.contract.records import refuse
from plaudit_schemas.errors import InvalidEventError
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, model_validator

from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.scales import scale_of
from plaudit_producers.model_calls.json_messages import as_text

COMMENT: Final = "comment"
DEMONSTRATION: Final = "demonstration"

_COMMENT_ASPECT: Final = "satisfaction"  # as the SDK's `comment`
_CORRECTION_ASPECT: Final = "accuracy"  # as the SDK's `correct`
_RATER_ID: Final = ("rater_id", "user_id")
_RATER_KIND: Final = "rater_kind"
_RATER_VERSION: Final = "rater_version"
_KINDS: Final = tuple(kind for kind in get_args(RaterKind) if kind != "unknown")


class TensorZeroFeedback(BaseModel):
    """The body of `POST /feedback`.

    Attributes:
        inference_id: a message: an id of Plaudit's that carries its conversation, or the provider's id of a
            response that the gateway took.
        episode_id: a conversation.
        metric_name: an aspect, `comment` or `demonstration`.
        value: true or false, a number, or for the two special metrics a text or the content of an answer.
        tags: `user_id` or `rater_id`, `rater_kind` and `rater_version` say who rates. Others are not kept.
        dryrun: check everything, and send nothing.
        internal: taken, and without effect.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    inference_id: Id | None = None
    episode_id: Id | None = None
    metric_name: Id
    value: JsonValue
    tags: dict[str, str] = {}
    dryrun: bool | None = None
    internal: bool = False

    @model_validator(mode="after")
    def _one_target(self) -> "TensorZeroFeedback":
        if (self.inference_id is None) == (self.episode_id is None):
            raise ValueError("give either inference_id, for a message, or episode_id, for a conversation")
        if self.metric_name == DEMONSTRATION and self.inference_id is None:
            raise ValueError("a demonstration is for a message: give inference_id")
        return self

    @property
    def tags_not_kept(self) -> list[str]:
        """The names of tags that no event has room for."""
        kept = {*_RATER_ID, _RATER_KIND, _RATER_VERSION}
        return [name for name in self.tags if name not in kept]


def parse_feedback(body: bytes) -> TensorZeroFeedback:
    """Read a request's body.

    Raises:
        InvalidEventError: it is not JSON, or breaks the shape.
    """
    try:
        return TensorZeroFeedback.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise InvalidEventError(f"the body is not JSON in UTF-8: {error.msg} at byte {error.pos}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise InvalidEventError(_unknown(field)) from None
        if first["type"] == "model_type":
            raise InvalidEventError("the body must be a JSON object") from None
        if first["type"] == "recursion_depth_exceeded":
            raise InvalidEventError(f"{first['loc'][0]} is nested too deeply") from None
        told = first["msg"].removeprefix("Value error, ")
        raise InvalidEventError(f"{field}: {told}" if field else told) from None


def _unknown(field: str) -> str:
    near = get_close_matches(field, TensorZeroFeedback.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(TensorZeroFeedback.model_fields)}"
    return f"{field} is not a field of feedback; {hint}"


def feedback_document(
    given: TensorZeroFeedback, place: MessagePlace, declared: AspectDeclaration | None, feedback_id: str
) -> dict[str, Any]:
    """The event that says what was given, as the JSON document that `POST /v1/events` takes.

    Args:
        declared: the declaration of the metric's aspect, if there is one.

    Raises:
        InvalidEventError: the value does not fit the metric, or a tag does not name a rater.
    """
    aspect, value = _judged(given, declared)
    feedback = {"id": feedback_id, "aspect": aspect, "value": value, "rater": _rater(given.tags)}
    body = {"type": "UpdateMessage", "message_id": place.message_id, "feedback": feedback}
    return {"event_id": feedback_id, "conversation_id": place.conversation_id, "body": body}


def new_feedback_id(application: str, idempotency_key: str | None) -> str:
    """An id for one feedback: a UUID, which TensorZero's clients expect. The same for the same key.

    Without a key it is a UUID of version 7 (RFC 9562).
    """
    if idempotency_key is None:
        number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    else:
        hashed = sha256(f"{application}\0{idempotency_key}".encode(errors="surrogatepass")).digest()
        number = int.from_bytes(hashed[:16], "big")
    version = 7 if idempotency_key is None else 8
    return str(UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | version << 76 | 0x2 << 62))


def _judged(given: TensorZeroFeedback, declared: AspectDeclaration | None) -> tuple[str, dict[str, Any]]:
    """The aspect and the value."""
    value = given.value
    if given.metric_name == COMMENT:
        if not isinstance(value, str):
            refuse("value", "must be a text for the metric comment")
        return _COMMENT_ASPECT, {"kind": "text", "text": value}
    if given.metric_name == DEMONSTRATION:
        return _CORRECTION_ASPECT, {"kind": "correction", "content": _demonstrated(value)}
    if isinstance(value, bool):
        return given.metric_name, {"kind": "thumb", "like": value}
    if not isinstance(value, int | float):
        refuse(
            "value",
            f"must be true, false or a number for the metric {given.metric_name}; texts are for the metrics "
            "comment and demonstration",
        )
    minimum, maximum = scale_of(given.metric_name, value, declared, field="value")
    return given.metric_name, {"kind": "number", "number": value, "minimum": minimum, "maximum": maximum}


def _demonstrated(value: JsonValue) -> str:
    """The answer that should have been given: its text, and as JSON what is more than text."""
    if isinstance(value, str):
        return value
    blocks = value if isinstance(value, list) else []
    texts = [
        block.get("text") for block in blocks if isinstance(block, Mapping) and block.get("type") == "text"
    ]
    if blocks and len(texts) == len(blocks) and all(isinstance(text, str) for text in texts):
        return "".join(map(str, texts))
    if not isinstance(value, list | dict):
        refuse("value", "must be a text, or the content of an answer, for the metric demonstration")
    return as_text(value)


def _rater(tags: Mapping[str, str]) -> dict[str, Any]:
    kind = tags.get(_RATER_KIND, "user")
    if kind not in _KINDS:
        refuse(f"tags.{_RATER_KIND}", f"must be one of {', '.join(_KINDS)}")
    rater: dict[str, Any] = {"kind": kind}
    rater_id = next((tags[name] for name in _RATER_ID if tags.get(name)), None)
    if rater_id is not None:
        rater["id"] = rater_id
    if tags.get(_RATER_VERSION):
        rater["version"] = tags[_RATER_VERSION]
    return rater
