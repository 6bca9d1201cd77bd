"""The OpenAPI document, made from the operations and from the contract's models."""

import inspect
import re
from collections.abc import Iterable
from typing import Any, Final

from plaudit_schemas.contract.events import BODIES, ConversationEvent
from plaudit_schemas.contract.feedback import VALUE_KINDS, VALUES
from plaudit_schemas.contract.names import short_name
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import compile_path

from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.problems import MEDIA_TYPE, PROBLEM_SCHEMA, TITLES

_REF: Final = "#/components/schemas/"
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}


def reference(name: str) -> Json:
    """A reference to a schema of the document."""
    return {"$ref": _REF + name}


def json_body(schema: Json, description: str) -> Json:
    """An OpenAPI request body of JSON."""
    return {
        "required": True,
        "description": description,
        "content": {"application/json": {"schema": schema}},
    }


def results_schema(properties: Json, required: Iterable[str]) -> Json:
    """The schema of an answer that says what became of each part of a request.

    Args:
        properties: of the result of one part.
        required: those that each result has.
    """
    result = {"type": "object", "properties": properties, "required": list(required)}
    return {
        "type": "object",
        "properties": {
            "accepted": {"type": "integer", "minimum": 0},
            "results": {"type": "array", "items": result},
        },
        "required": ["accepted", "results"],
    }


def openapi_document(operations: Iterable[Operation], schemas: Json) -> Json:
    """The OpenAPI document of all operations that have a tag.

    Args:
        schemas: further schemas that the operations refer to. The document has those of the contract, of
            problems and of answers anyway.
    """
    described = [operation for operation in operations if operation.tag is not None]
    paths: dict[str, Json] = {}
    for operation in described:
        path = compile_path(operation.path)[1]
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, path)
    answers = [answer.schema for operation in described for answer in operation.answers.values()]
    models = [schema for schema in answers if isinstance(schema, type)]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Plaudit gateway",
            "description": "Conversation events over HTTP. Errors are problem details (RFC 9457).",
            "version": "1",
        },
        "paths": paths,
        "components": {
            "schemas": {
                **_model_schemas(models),
                **_contract_schemas(),
                **schemas,
                "Problem": PROBLEM_SCHEMA,
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _described(operation: Operation, path: str) -> Json:
    name = getattr(operation.handler, "__name__", "")
    described: Json = {
        "tags": [operation.tag],
        "summary": name.replace("_", " ").title(),
        "description": inspect.getdoc(operation.handler),
        # Generators of clients name their methods after it.
        "operationId": re.sub(r"\W", "_", f"{name}{path}") + f"_{operation.method.lower()}",
        "responses": {
            **{str(status): _answer(answer) for status, answer in operation.answers.items()},
            **{str(status): _problem(status) for status in operation.problems},
        },
    }
    parameters = [_path_parameter(name) for name in compile_path(operation.path)[2]]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = operation.body
    return described


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _answer(answer: DocumentedAnswer) -> Json:
    if answer.schema is None:
        return {"description": answer.description}
    schema = reference(answer.schema.__name__) if isinstance(answer.schema, type) else answer.schema
    return {"description": answer.description, "content": {answer.media_type: {"schema": schema}}}


def _problem(status: int) -> Json:
    problem: Json = {
        "description": TITLES[status][1],
        "content": {MEDIA_TYPE: {"schema": reference("Problem")}},
    }
    if status in (429, 503):
        problem["headers"] = _RETRY_AFTER
    return problem


def _model_schemas(models: Iterable[type[BaseModel]]) -> Json:
    _, document = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF + "{model}"
    )
    schemas: Json = document.get("$defs", {})
    return schemas


def _contract_schemas() -> Json:
    """The schemas of the contract's models in the JSON form: a body has `type`, a value has `kind`."""
    schemas = _model_schemas([ConversationEvent, *BODIES.values(), *VALUES.values()])
    for name in BODIES:
        _add_discriminator(schemas[short_name(name)], "type", short_name(name))
    for name, kind in VALUE_KINDS.items():
        _add_discriminator(schemas[short_name(name)], "kind", kind)
    event = schemas["ConversationEvent"]
    # The model requires `application` too. Clients leave it out: `complete_record` takes it from the API key.
    event["required"] = ["conversation_id", "body"]
    event["properties"]["source"] = {"const": "gateway"}
    return schemas


def _add_discriminator(schema: Any, field: str, value: str) -> None:
    schema["properties"] = {field: {"const": value}, **schema.get("properties", {})}
    schema["required"] = [field, *schema.get("required", [])]
