"""A sink without Kafka: records go straight into its partitions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plaudit_consumers.rows.reading import CanonicalReader
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.local import LocalOutput
from plaudit_consumers.sink.output import Output
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.sink import Sink, Topic
from plaudit_consumers.sink.telemetry import Telemetry
from plaudit_consumers.sink.writing import Raw, Refused

from tests.consumers.builders import T0_MS, chat, correction, encoded, like

TOPIC = Topic("plaudit.finished-conversations", "id-1")


def log(count: int, *, partition: int = 0, step_ms: int = 1000) -> list[Raw]:
    """A partition's log: a judged chat at each offset."""
    return [
        Raw(
            offset,
            T0_MS + offset * step_ms,
            b"k",
            encoded(
                chat(
                    like("a"),
                    *([correction("a", f"better {offset}")] if offset % 3 == 0 else []),
                    offset=offset,
                    source_partition=partition,
                )
            ),
        )
        for offset in range(count)
    ]


def sink(
    output: Output | Path,
    *,
    writer: str = "w1",
    topic: Topic = TOPIC,
    rows: RowSettings | None = None,
    refused: list[Refused] | None = None,
    **settings: Any,
) -> Sink:
    """A sink on an output of its own; `refused` takes what cannot be read."""
    place = LocalOutput(output) if isinstance(output, Path) else output
    options = SinkSettings(**{"rotate_rows": 10, "output": "x", **settings})
    return Sink(
        topic,
        place,
        (options, rows or RowSettings()),
        CanonicalReader(),
        telemetry=Telemetry(),
        refuse=lambda _, more: (refused if refused is not None else []).extend(more),
        writer=writer,
    )


def take(one: Sink, raws: Iterable[Raw]) -> None:
    """Give records to partition 0, which the sink owns."""
    for raw in raws:
        one.take(0, raw)


def feed(one: Sink, raws: Iterable[Raw], *, partition: int = 0, commit: bool = True) -> None:
    """Own a partition, read its log from there, and stop gracefully."""
    position = one.own([partition])[partition] or 0
    for raw in raws:
        if raw.offset >= position:
            one.take(partition, raw)
    if commit:
        one.commit(partition)
    one.disown([partition])
