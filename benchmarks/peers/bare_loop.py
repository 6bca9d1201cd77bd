"""The peer of the regression guard: an aiokafka loop that fetches and decodes with fastavro, and no more.

For each number on its standard input it fetches until it has had so many events in all. Then it prints the
seconds of processor time that this took.
"""

import asyncio
import json
import os
import sys
import time
from importlib.resources import files
from io import BytesIO

from aiokafka import AIOKafkaConsumer
from fastavro import parse_schema, schemaless_reader

EVENT = parse_schema(
    json.loads((files("plaudit_schemas") / "avro" / "conversation_event.avsc").read_text(encoding="utf-8"))
)


async def fetch() -> None:
    """Do what the standard input asks, until it ends."""
    consumer = AIOKafkaConsumer(
        os.environ["BENCH_TOPIC"], bootstrap_servers=os.environ["PLAUDIT_BOOTSTRAP_SERVERS"],
        auto_offset_reset="earliest",
    )  # fmt: skip
    await consumer.start()
    try:
        events = 0
        for line in sys.stdin:  # nothing is fetched meanwhile: the loop stands still
            began = time.process_time()
            while events < int(line):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        schemaless_reader(BytesIO(record.value[5:]), EVENT, None)
                    events += len(records)
            print(time.process_time() - began, flush=True)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(fetch())
