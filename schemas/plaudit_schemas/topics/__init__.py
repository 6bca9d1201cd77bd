"""Topics as data: one YAML each in this folder, and the typed form of it."""

from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from plaudit_schemas.codec.catalog import SchemaName

EVENTS = "plaudit.conversation-events"
FINISHED = "plaudit.finished-conversations"
METRICS = "plaudit.feedback-metrics"
DEAD_LETTERS = "plaudit.dead-letters"


class Topic(BaseModel):
    """One topic's definition.

    Attributes:
        twin: the topic that takes what is refused here; None where nothing is.
        config: the broker's settings for the topic, as text.
    """

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


@cache
def definitions() -> tuple[Topic, ...]:
    """Every packaged topic, by name."""
    loaded = [
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (files("plaudit_schemas") / "topics").iterdir()
        if file.name.endswith(".yaml")
    ]
    topics = [Topic(schema_=document.pop("schema"), **document) for document in loaded]
    return tuple(sorted(topics, key=lambda topic: topic.name))


def definition(name: str) -> Topic:
    """One topic by its unprefixed name; KeyError where there is none."""
    return {topic.name: topic for topic in definitions()}[name]
