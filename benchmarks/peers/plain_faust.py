"""The peer: a plain Faust agent that does the same job as Faust's documentation shows, one event at a time.

It decodes with fastavro and sends finished conversations to Kafka. It keeps the same state in Redis, with one
pipeline an event: a hash for each conversation, a sorted set of the open ones, and counters in time buckets.
It promises less: no order of writes and acks, and duplicates after a crash.
"""

import json
import os
import time
from importlib.resources import files
from io import BytesIO
from typing import Any

import faust
from fastavro import parse_schema, schemaless_reader
from redis.asyncio import Redis

RUN = os.environ["PLAUDIT_REDIS_PREFIX"]
EVENT = parse_schema(
    json.loads((files("plaudit_schemas") / "avro" / "conversation_event.avsc").read_text(encoding="utf-8"))
)
app = faust.App(
    f"plain-{RUN}", broker="kafka://" + os.environ["PLAUDIT_BOOTSTRAP_SERVERS"], store="memory://",
    topic_disable_leader=True, datadir=os.environ["PLAUDIT_DATA"], consumer_auto_offset_reset="earliest",
    topic_allow_declare=False,
)  # fmt: skip
topic = app.topic(os.environ["BENCH_TOPIC"], key_serializer="raw", value_serializer="raw")
finished = app.topic(
    os.environ["PLAUDIT_TOPIC_PREFIX"] + "plaudit.finished-conversations",
    key_serializer="raw",
    value_serializer="raw",
)
store: Redis = Redis.from_url(os.environ["PLAUDIT_REDIS_URL"])


@app.agent(topic)
async def fold(stream: Any) -> None:
    """Decode one event, and write it in one round trip."""
    async for value in stream:
        event: Any = schemaless_reader(
            BytesIO(value[5:]), EVENT, None, return_record_name=True, return_record_name_override=True
        )
        name, body = event["body"]
        key = f"{RUN}:conversation:{event['conversation_id']}"
        bucket = f"{RUN}:metrics:{int(event['occurred_at'].timestamp()) // 10}"
        pipeline = store.pipeline(transaction=True)
        if name.endswith("AddMessage"):
            pipeline.hset(key, "message:" + body["message_id"], json.dumps(body))
            pipeline.hincrby(bucket, "messages:" + body["role"], 1)
            if body["latency_ms"] is not None:
                pipeline.hincrby(bucket, f"latency:{body['latency_ms'].bit_length()}", 1)
        elif name.endswith("UpdateMessage"):
            pipeline.hset(key, "feedback:" + body["feedback"]["id"], json.dumps(body))
            pipeline.hincrby(bucket, "feedback:" + body["feedback"]["kind"], 1)
        else:
            pipeline.hset(key, "conversation", json.dumps(body))
            pipeline.hincrby(bucket, name, 1)
        pipeline.hset(key, "progress", json.dumps({"sequence": event["sequence"], "at": time.time()}))
        if name.endswith("EndConversation"):
            pipeline.zrem(f"{RUN}:open", event["conversation_id"])
        else:
            pipeline.zadd(f"{RUN}:open", {event["conversation_id"]: time.time()})
        pipeline.incr(f"{RUN}:events")
        await pipeline.execute()
        if name.endswith("EndConversation"):
            state: Any = await store.hgetall(key)
            whole = {field.decode(): json.loads(text) for field, text in state.items()}
            await finished.send(key=event["conversation_id"].encode(), value=json.dumps(whole).encode())


if __name__ == "__main__":
    app.main()
