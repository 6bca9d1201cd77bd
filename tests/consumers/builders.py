"""Short ways from finished conversations to rows."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.settings import RowSettings
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.finished import T0_MS, Record, encoded

READER = CanonicalReader(Decoder("finished_conversation"))


def kafka_records(payloads: Iterable[bytes], *, first: int = 0, timestamp: int = T0_MS) -> list[KafkaRecord]:
    """Payloads as Kafka gives them, at the offsets from `first` on."""
    return [KafkaRecord(0, first + at, timestamp, b"k", payload) for at, payload in enumerate(payloads)]


def canonical(*records: Record, licence: str | None = None) -> Any:
    """The canonical table, by way of the wire format."""
    return READER.read_table(kafka_records(map(encoded, records)), licence)


def rows(*records: Record, **settings: Any) -> dict[str, list[Record]]:
    """The training rows of finished conversations by subset."""
    found: dict[str, list[Record]] = {"sft": [], "sft_tools": [], "preference": [], "kto": []}
    for subset, table in derive(canonical(*records), RowSettings(**settings)):
        table.validate(full=True)
        assert isinstance(table, pa.Table)
        found[subset] += table.to_pylist()
    return found


def turns(*pairs: tuple[str, str]) -> list[Record]:
    return [{"role": role, "content": content} for role, content in pairs]
