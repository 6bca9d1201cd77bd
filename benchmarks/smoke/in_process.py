"""The cases that need no servers: the codec, the SDK, the fold and the sink's rows."""

import asyncio
import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_consumers.rows.finished_reader import FinishedReader
from plaudit_consumers.sink.files.subset_writer import SubsetWriter
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.codec.catalog import SchemaName, parse, schema_text
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.examples import examples
from plaudit_schemas.kafka.record import KafkaRecord

from benchmarks.cases.sdk import CHAT_EVENTS, chats
from benchmarks.folding import made_logs, new_folders
from benchmarks.smoke.turns import Pair
from harness.finished import finished_conversations

_BATCH = 1000
_ZSTD_LEVEL = 3


def pairs(folder: Path, size: int = 10_000) -> list[Pair]:
    """All pairs that are measured in this process.

    Args:
        folder: for the files of the sink.
        size: about how many events one call decodes, encodes or folds.
    """
    return [*_codec(size), _sdk(size), _fold(size), _sink(folder, max(1, size // 20))]


def bare_decode(name: SchemaName, payloads: Sequence[bytes]) -> list[Any]:
    """Decode with bare fastavro. The union's values are dicts without their names."""
    schema, decoded = parse(schema_text(name), plain_longs=True), []
    for payload in payloads:
        stream = BytesIO(payload)
        stream.seek(HEADER_BYTES)
        decoded.append(fastavro.schemaless_reader(stream, schema, None))
    return decoded


def _bare_encode(records: Sequence[Any]) -> None:
    schema = parse(schema_text("conversation_event"), plain_longs=True)
    for record in records:
        fastavro.schemaless_writer(BytesIO(), schema, record)


def _codec(size: int) -> list[Pair]:
    shown = [example.payload for example in examples("conversation_event")]
    payloads = shown * max(1, size // len(shown))
    dense, sparse = Decoder("conversation_event"), Decoder("conversation_event", sparse=True)
    encoder = Encoder("conversation_event")
    records = [dense.decode(payload) for payload in payloads]

    def decode() -> object:
        return bare_decode("conversation_event", payloads)

    return [
        Pair("decode all fields", decode, lambda: dense.decode_many(payloads)),
        Pair("decode as the worker", decode, lambda: sparse.decode_many(payloads)),
        Pair("encode", lambda: _bare_encode(records), lambda: [encoder.encode(each) for each in records]),
    ]


def _sdk(size: int) -> Pair:
    count = max(CHAT_EVENTS, size // 2)
    recorder = InMemoryProducer("bench")
    chats(recorder, count)
    records = Decoder("conversation_event").decode_many([payload for _, payload in recorder.messages])

    def ours() -> None:
        recorder.clear()
        chats(recorder, count)

    return Pair("SDK", lambda: _bare_encode(records), ours)


def _fold(size: int) -> Pair:
    logs = made_logs(size)
    payloads = [record.value or b"" for log in logs for record in log]

    def ours() -> None:
        asyncio.run(_fold_logs(logs))

    return Pair("decode and fold", lambda: bare_decode("conversation_event", payloads), ours)


async def _fold_logs(logs: Sequence[Sequence[KafkaRecord]]) -> None:
    for folder, log in zip(new_folders(), logs, strict=True):
        for start in range(0, len(log), _BATCH):
            records = log[start : start + _BATCH]
            batch = await folder.load_batch(records, start, start + len(records))
            prepared = await folder.fold_batch(batch)
            folder.cache.batch_committed(prepared.number)


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A row of plain columns. Lists and maps become JSON."""
    return {
        name: json.dumps(value) if isinstance(value, (dict, list)) else value
        for name, value in record.items()
    }


def _sink(folder: Path, size: int) -> Pair:
    payloads = [payload for _, payload in finished_conversations(size, partitions=1)]
    records = [KafkaRecord(0, offset, 0, b"k", payload) for offset, payload in enumerate(payloads)]
    reader = FinishedReader()

    def bare() -> None:
        rows = [_flat(record) for record in bare_decode("finished_conversation", payloads)]
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, folder / "bare.parquet", compression="zstd", compression_level=_ZSTD_LEVEL)

    def ours() -> None:
        writer = SubsetWriter(folder / "ours.parquet", "conversations", _ZSTD_LEVEL)
        writer.write_table(reader.read_tables(records)["conversations"])
        writer.discard()

    return Pair("sink", bare, ours)
