"""The definitions of the topics. Each is a YAML file in this folder; `Topic` is its typed form."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict

from plaudit_schemas.codec.catalog import SchemaName

EVENTS = "plaudit.conversation-events"
FINISHED = "plaudit.finished-conversations"
METRICS = "plaudit.feedback-metrics"
DEAD_LETTERS = "plaudit.dead-letters"
MODELS = "plaudit.models"
RUBRICS = "plaudit.rubrics"
SCHEMA_IDS = "plaudit.schema-ids"
API_KEYS = "plaudit.api-keys"


class Topic(BaseModel):
    """One topic's definition.

    Attributes:
        name: without the topic prefix of the settings.
        purpose: what the topic holds, for people.
        writers: the members that write to the topic.
        readers: the members that read it.
        key: the form of the records' keys, for people.
        schema_: the schema of the values; None if they are bytes of any kind.
        partitions: how many to create, unless the setting `partitions` says otherwise. It leaves 1 alone:
            then all records of the topic have one order.
        twin: the dead-letter topic for the records refused here; None if no record is refused.
        config: the broker's configuration of the topic; all values are text.
    """

    # YAML reads 1209600000 as a number, but the broker's configuration is text.
    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, protected_namespaces=()
    )

    name: str
    purpose: str
    writers: list[str]
    readers: list[str]
    key: str
    schema_: SchemaName | None
    partitions: int
    twin: str | None
    config: dict[str, str]


class LiveTopic(NamedTuple):
    """A topic as Kafka describes it now.

    Attributes:
        name: with the topic prefix.
        id: changes when a topic is deleted and created again; empty if the broker has no topic ids.
        replicas: of the partition that has the fewest.
        config: every setting with its effective value, as text.
    """

    name: str
    id: str
    partitions: int
    replicas: int
    config: Mapping[str, str]


@cache
def definitions() -> tuple[Topic, ...]:
    """Every packaged topic, sorted by name."""
    loaded = [
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (files("plaudit_schemas") / "topics").iterdir()
        if file.name.endswith(".yaml")
    ]
    topics = [Topic(schema_=document.pop("schema"), **document) for document in loaded]
    return tuple(sorted(topics, key=lambda topic: topic.name))


def definition(name: str) -> Topic:
    """One topic by its name without prefix. Raises KeyError if there is none."""
    return {topic.name: topic for topic in definitions()}[name]
