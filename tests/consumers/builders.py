"""Short ways from finished conversations to rows."""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.settings import RowSettings
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.errors import CodecError
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


def check_damaged(
    payloads: Sequence[bytes],
    decoder: Decoder,
    reader: Any,
    by_dicts: Callable[[list[KafkaRecord]], Any],
    seed: int,
) -> None:
    """Damage payloads at random. A reader refuses what the decoder refuses, and reads the rest alike."""
    rng, refused = random.Random(seed), 0
    for _ in range(600):
        damaged = bytearray(rng.choice(payloads))
        for _ in range(rng.randint(1, 2)):
            damaged[rng.randrange(5, len(damaged))] = rng.randrange(256)
        if rng.random() < 0.2:
            del damaged[rng.randrange(5, len(damaged)) :]
        records = kafka_records([bytes(damaged)])
        try:
            decoder.decode(bytes(damaged))
        except CodecError:
            refused += 1
            with pytest.raises(ValueError, match=r"."):
                reader.read_table(records)
        else:
            assert reader.read_table(records).equals(by_dicts(records))
    assert 100 < refused < 580
