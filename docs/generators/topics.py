"""The page of topics."""

from plaudit_schemas.topics import Topic, definitions

from docs.generators.markdown import code, page, table


def render() -> str:
    """Every topic as `plaudit topics create` makes it."""
    intro = (
        "`plaudit topics create` makes these topics, and says what differs where they exist. "
        "`PLAUDIT_TOPIC_PREFIX` goes before each name; `PLAUDIT_PARTITIONS` and "
        "`PLAUDIT_REPLICATION_FACTOR` say how they are laid out. Values are Avro in Confluent's wire format."
    )
    parts = [intro]
    for topic in definitions():
        parts += [f"## {topic.name}", topic.purpose, _facts(topic), _config(topic)]
    return page("Topics", *parts)


def _facts(topic: Topic) -> str:
    return table(
        ["", ""],
        [
            ["key", topic.key],
            ["value", code(topic.schema_ or "") or "the refused record's own bytes"],
            ["written by", ", ".join(code(name) for name in topic.writers)],
            ["read by", ", ".join(code(name) for name in topic.readers)],
            ["partitions", str(topic.partitions)],
            ["what is refused goes to", code(topic.twin or "") or "nowhere"],
        ],
    )


def _config(topic: Topic) -> str:
    return table(["setting of the broker", "value"], [[code(k), code(v)] for k, v in topic.config.items()])
