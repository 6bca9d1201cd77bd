"""Rates of our generated functions for decoding and encoding, beside bare fastavro in the same run."""

import time
from collections.abc import Callable
from io import BytesIO

import fastavro
from plaudit_schemas.codec.catalog import parse, schema_text
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.examples import examples

from benchmarks.report import Row, row

ROUNDS = 400


def run(repetitions: int) -> list[Row]:
    """Events a second of each case. The cases take turns."""
    payloads = [example.payload for example in examples("conversation_event")] * ROUNDS
    schema = parse(schema_text("conversation_event"), plain_longs=True)
    dense, sparse = Decoder("conversation_event"), Decoder("conversation_event", sparse=True)
    encoder = Encoder("conversation_event")
    records = [dense.decode(payload) for payload in payloads]

    def bare_decode() -> None:
        for payload in payloads:
            stream = BytesIO(payload)
            stream.seek(HEADER_BYTES)
            fastavro.schemaless_reader(stream, schema, None)

    def named_decode() -> None:
        for payload in payloads:
            stream = BytesIO(payload)
            stream.seek(HEADER_BYTES)
            fastavro.schemaless_reader(
                stream, schema, None, return_record_name=True, return_record_name_override=True
            )

    def bare_encode() -> None:
        for record in records:
            fastavro.schemaless_writer(BytesIO(), schema, record)

    cases: dict[str, Callable[[], object]] = {
        "decode, bare fastavro": bare_decode,
        "decode, fastavro that names the bodies": named_decode,
        "decode, ours": lambda: dense.decode_many(payloads),
        "decode, ours, sparse": lambda: sparse.decode_many(payloads),
        "encode, bare fastavro": bare_encode,
        "encode, ours": lambda: [encoder.encode(record) for record in records],
    }
    rates: dict[str, list[float]] = {case: [] for case in cases}
    for _ in range(repetitions):
        # In turns, so that other load on the machine hits every case alike.
        for case, work in cases.items():
            began = time.perf_counter()
            work()
            rates[case].append(len(payloads) / (time.perf_counter() - began))
    return [row(case, "events/s", measured, _base(case, rates)) for case, measured in rates.items()]


def _base(case: str, rates: dict[str, list[float]]) -> tuple[str, list[float]] | None:
    bare = case.split(",", maxsplit=1)[0] + ", bare fastavro"
    return None if case == bare else (bare, rates[bare])
