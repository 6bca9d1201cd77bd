# /// script
# requires-python = ">=3.11"
# dependencies = ["quixstreams==3.28.1", "fastavro>=1.12"]
# ///
"""The peer: a Quix Streams app that decodes and folds into state, in its RocksDB with a changelog topic.

It has its own environment (`quix.py.lock`), because it needs an older confluent-kafka than ours.
"""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader
from quixstreams import Application, State

SCHEMA = Path(__file__).parents[2] / "schemas" / "plaudit_schemas" / "avro" / "conversation_event.avsc"
EVENT = parse_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))
DONE = Path(os.environ["BENCH_DONE"])


class Progress:
    """Counts the events folded, and writes the number to a file at every hundredth event."""

    def __init__(self) -> None:
        self.events = 0

    def count(self) -> None:
        """Count one event."""
        self.events += 1
        if self.events % 100 == 0:
            # Renamed into place, so that the benchmark never reads half a number.
            DONE.with_suffix(".new").write_text(str(self.events), encoding="utf-8")
            DONE.with_suffix(".new").replace(DONE)


progress = Progress()


def decode(value: bytes) -> dict[str, Any]:
    """Decode Confluent's wire format to a dict that Quix can keep as state."""
    event: Any = schemaless_reader(
        BytesIO(value[5:]), EVENT, None, return_record_name=True, return_record_name_override=True
    )
    event["occurred_at"] = event["occurred_at"].timestamp()
    return dict(event)


def fold(event: dict[str, Any], state: State) -> dict[str, Any]:
    """Fold one event. Each message and feedback has its own key in the state, so that little is written."""
    name, body = event["body"]
    progress_of: Any = state.get("progress") or {"events": 0}
    progress_of["events"] += 1
    state.set("progress", progress_of)
    if name.endswith("AddMessage"):
        state.set("message:" + body["message_id"], body)
    elif name.endswith("UpdateMessage"):
        state.set("feedback:" + body["feedback"]["id"], body)
    else:
        state.set("conversation", body)
    progress.count()
    return event


app = Application(
    broker_address=os.environ["PLAUDIT_BOOTSTRAP_SERVERS"],
    consumer_group="quix-" + os.environ["PLAUDIT_REDIS_PREFIX"],
    auto_offset_reset="earliest",
    state_dir=os.environ["BENCH_STATE"],
    loglevel="WARNING",
)
topic = app.topic(os.environ["BENCH_TOPIC"], value_deserializer="bytes", key_deserializer="bytes")
frame = app.dataframe(topic).apply(decode).apply(fold, stateful=True)

if __name__ == "__main__":
    app.run()
