"""The packaged Avro schemas, their permanent ids, and the parser for schemas."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

import yaml
from fastavro import parse_schema

SchemaName = Literal[
    "conversation_event",
    "finished_conversation",
    "amendment",
    "metric_snapshot",
    "model_publication",
    "rubric_publication",
    "api_key",
]
Schema = dict[str, Any]

AVRO = files("plaudit_schemas") / "avro"
FIRST_PACKAGED_ID = 1_000_000_000  # registries count their ids from 1 and stay below this
PACKAGED_IDS = range(FIRST_PACKAGED_ID, FIRST_PACKAGED_ID + 100_000)  # those of later releases, too


def schema_text(name: SchemaName) -> str:
    """The current schema as JSON text, as a registry takes it."""
    return (AVRO / f"{name}.avsc").read_text(encoding="utf-8")


@cache
def released() -> Mapping[int, str]:
    """The file names under `avro/released/` by schema id. They never change once released."""
    return cast("Mapping[int, str]", yaml.safe_load((AVRO / "ids.yaml").read_text(encoding="utf-8")))


@cache
def packaged_id(name: SchemaName) -> int:
    """The id of the newest released version of `name`."""
    return max(
        schema_id for schema_id, file in released().items() if file.rpartition(".")[0].startswith(f"{name}.")
    )


def released_text(schema_id: int) -> str | None:
    """The released schema of a packaged id as JSON text. None if the id is not a packaged one."""
    file = released().get(schema_id)
    return None if file is None else (AVRO / "released" / file).read_text(encoding="utf-8")


def parse(text: str, *, plain_longs: bool = False) -> Schema:
    """Parse a schema for fastavro.

    Args:
        plain_longs: remove the logical types, so that timestamps decode as integers (microseconds since
            1970, UTC). That is faster than a datetime for each.
    """
    document = json.loads(text)
    if plain_longs:
        document = _without_logical_types(document)
    # Without a dict of its own, fastavro would resolve names with the types of schemas parsed before.
    return cast("Schema", parse_schema(document, named_schemas={}))


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    if isinstance(node, dict):
        return {key: _without_logical_types(value) for key, value in node.items() if key != "logicalType"}
    return node
