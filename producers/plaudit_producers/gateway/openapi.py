"""What the OpenAPI document says of bodies that the routes read themselves."""

from typing import Any

from plaudit_schemas.events import BODIES, VALUES, ConversationEvent
from plaudit_schemas.limits import ID_CHARACTERS
from pydantic.json_schema import models_json_schema

from plaudit_producers.gateway.intake import MAX_EVENTS
from plaudit_producers.gateway.problems import MEDIA_TYPE, TITLES

Json = dict[str, Any]

_REF = "#/components/schemas/"


def problems(*statuses: int) -> dict[int | str, Json]:
    """The responses of an operation that may go wrong in these ways."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}}
    retry = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
    return {
        status: {"description": TITLES[status][1], "content": content}
        | ({"headers": retry} if status in (429, 503) else {})
        for status in statuses
    }


def _json_body(schema: Json, description: str) -> Json:
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {"application/json": {"schema": schema}},
        }
    }


_EVENT: Json = {"$ref": _REF + "ConversationEvent"}
_EVENTS: Json = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": MAX_EVENTS}
EVENTS_BODY = _json_body({"anyOf": [_EVENT, _EVENTS]}, "One event, or a list of them")
BEACON_BODY = _json_body(
    {
        "type": "object",
        "properties": {"token": {"type": "string"}, "events": _EVENTS},
        "required": ["token", "events"],
    },
    "The token and the events; any content type is taken, so that no preflight is needed",
)
TOKEN_BODY = _json_body(
    {
        "type": "object",
        "properties": {
            "conversation_id": {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS},
            "user_id": {"type": ["string", "null"], "minLength": 1, "maxLength": ID_CHARACTERS},
            "lifetime_s": {"type": "integer", "minimum": 1},
            "roles": {"type": "array", "items": {"enum": ["user", "assistant"]}},
            "read": {"type": "boolean"},
        },
        "additionalProperties": False,
    },
    "The conversation (a new one where none is given), its user, and what the page may add",
)
_RESULTS: Json = {"application/json": {"schema": {"$ref": _REF + "Results"}}}
EVENTS_RESPONSES: dict[int | str, Json] = {
    200: {"description": "Kafka has every event", "content": _RESULTS},
    207: {"description": "Kafka has some; the others are refused for good", "content": _RESULTS},
    **problems(401, 403, 408, 413, 422, 429, 503),
}


def components() -> Json:
    """Schemas for the document: the contract's own models, with the names that JSON events carry."""
    models = [ConversationEvent, *BODIES.values(), *VALUES.values()]
    _, document = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF + "{model}"
    )
    schemas: Json = document["$defs"]
    for names, field in ((BODIES, "type"), (VALUES, "kind")):
        for name, model in names.items():
            short = name.rpartition(".")[2]
            label = short if field == "type" else model.kind  # type: ignore[union-attr]
            schema = schemas[short]
            schema["properties"] = {field: {"const": label}, **schema.get("properties", {})}
            schema["required"] = [field, *schema.get("required", [])]
    event = schemas["ConversationEvent"]
    event["required"] = ["conversation_id", "body"]
    event["properties"]["source"] = {"const": "gateway"}
    return {**schemas, "Results": _RESULTS_SCHEMA, "Problem": _PROBLEM_SCHEMA}


_RESULTS_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "event_id": {"type": ["string", "null"]},
                    "status": {"enum": ["accepted", "refused"]},
                    "reason": {"enum": ["invalid", "forbidden", "unavailable"]},
                    "detail": {"type": "string"},
                },
                "required": ["event_id", "status"],
            },
        },
    },
    "required": ["accepted", "results"],
}
_PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "RFC 9457. After events were read there are `accepted` and `results` too.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
