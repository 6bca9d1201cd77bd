"""The page of events: the Avro schema, readable."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from docs.generators.markdown import code, page, table

Schema = dict[str, Any]


def render() -> str:
    """The event and every record within it, field by field."""
    text = (files("plaudit_schemas") / "avro" / "conversation_event.avsc").read_text(encoding="utf-8")
    intro = (
        "The schema of `plaudit.conversation-events`. The SDK's methods and the gateway's JSON have the same "
        "fields by the same names. A field with a default may be left out."
    )
    return page("Events", intro, *(part for record in _named(json.loads(text)) for part in _section(record)))


def _section(schema: Schema) -> list[str]:
    title = [f"## {schema['name']}", schema.get("doc", "")]
    if schema["type"] == "enum":
        return [*title, "One of " + ", ".join(code(symbol) for symbol in schema["symbols"]) + "."]
    rows = [
        [code(field["name"]), _type(field["type"]), _default(field), field.get("doc", "")]
        for field in schema["fields"]
    ]
    return [*title, table(["field", "type", "default", "meaning"], rows) if rows else "It has no fields."]


def _default(field: Schema) -> str:
    return code(json.dumps(field["default"])) if "default" in field else "needed"


def _type(avro: Any) -> str:
    if isinstance(avro, list):
        return " or ".join(_type(one) for one in avro)
    if isinstance(avro, str):
        return f"[{avro}](#{avro.lower()})" if avro[0].isupper() else avro
    kind = avro["type"]
    if kind in ("record", "enum"):
        return f"[{avro['name']}](#{avro['name'].lower()})"
    if kind == "array":
        return f"list of {_type(avro['items'])}"
    if kind == "map":
        return f"map to {_type(avro['values'])}"
    return str(avro.get("logicalType", kind))


def _named(avro: Any) -> Iterator[Schema]:
    """Records and enums, each before those that it holds."""
    if isinstance(avro, list):
        for one in avro:
            yield from _named(one)
    elif isinstance(avro, dict):
        if avro["type"] in ("record", "enum"):
            yield avro
        inner = [field["type"] for field in avro.get("fields", ())]
        yield from _named([*inner, *(avro[key] for key in ("items", "values") if key in avro)])
