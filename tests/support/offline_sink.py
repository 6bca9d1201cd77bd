"""A sink without Kafka: a test gives records directly to its partitions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plaudit_consumers.rows.finished_reader import FinishedReader
from plaudit_consumers.sink.commit.context import FinishedTopic
from plaudit_consumers.sink.commit.partition import CommitSteps
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_consumers.sink.outputs.output import OutputRoot
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.sink import ParquetSink
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.finished import T0_MS, amended, amendment, chat, correction, encoded, like

TOPIC = FinishedTopic("plaudit.finished-conversations", "id-1")


def log(count: int, *, partition: int = 0, step_ms: int = 1000) -> list[KafkaRecord]:
    """The log of one partition, with a judged chat at each offset."""
    return [
        KafkaRecord(
            partition,
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


def mixed_log(count: int) -> list[KafkaRecord]:
    """A log of both kinds. Offsets 10 to 19 are amendments alone, as is every third of the others."""
    return [
        _late(record) if record.offset in range(10, 20) or record.offset % 3 == 1 else record
        for record in log(count)
    ]


def _late(record: KafkaRecord) -> KafkaRecord:
    return record._replace(value=encoded(amendment(amended(like("a")), offset=record.offset)))


LOGS = {"finished": log, "mixed": mixed_log}


def sink(
    output: OutputRoot | Path,
    *,
    writer: str = "w1",
    topic: FinishedTopic = TOPIC,
    dead_letters: list[DeadLetter] | None = None,
    **settings: Any,
) -> ParquetSink:
    """A sink that writes to `output`. Dead letters go into the list `dead_letters`."""
    place = LocalOutput(output) if isinstance(output, Path) else output
    options = SinkSettings(**{"rotate_rows": 10, "output": "x", **settings})
    letters = [] if dead_letters is None else dead_letters
    return ParquetSink(
        topic,
        place,
        options,
        FinishedReader(),
        steps=CommitSteps(letters.extend, lambda: None),
        writer=writer,
    )


def take_records(one: ParquetSink, records: Iterable[KafkaRecord]) -> None:
    """Give records to a sink that owns their partition."""
    for record in records:
        one.take_record(record)


def feed(
    one: ParquetSink, records: Iterable[KafkaRecord], *, partition: int = 0, commit: bool = True
) -> None:
    """Open a partition, take its records from the sink's position on, and stop gracefully."""
    position = one.open_partitions([partition])[partition] or 0
    take_records(one, (record for record in records if record.offset >= position))
    if commit:
        one.commit_partition(partition)
        one.refresh_readme(at_once=True)
    one.close_partitions([partition])
