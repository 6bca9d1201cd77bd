"""Generated finished conversations of ten messages.

An eighth of the answers is judged, and every tenth conversation has a comparison.
"""

import random
import time
from collections.abc import Iterator
from typing import Any, Final

from plaudit_schemas.codec.wire import Encoder

from harness.events import made_text

MESSAGES: Final = 10
_JUDGED: Final = 0.12

Row = dict[str, Any]


def finished_conversations(count: int, *, partitions: int, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """Partition and payload of `count` finished conversations."""
    encoder, rng, start = Encoder("finished_conversation"), random.Random(seed), time.time_ns() // 1000
    for number in range(count):
        record: Row = {
            "application": "bench", "conversation_id": f"conversation-{number:012d}", "revision": 1,
            "started_at": start, "ended_at": start + number, "finished_at": start + number,
            "end_reason": "closed", "source": "sdk", "user_id": f"user-{number % 5000}", "consent": "granted",
            "model": {"id": "acme-large", "version": "2026-09"}, "tags": {"locale": "de-CH"},
            "messages": [_made_message(rng, at, start) for at in range(MESSAGES)],
            "feedback": [
                _made_like(rng, at, start) for at in range(1, MESSAGES, 2) if rng.random() < _JUDGED
            ],
            "comparisons": [], "events": 2 * MESSAGES, "source_partition": number % partitions,
            "source_offset": number,
        }  # fmt: skip
        if number % 10 == 0:
            record["messages"].append({**_made_message(rng, 9, start), "message_id": "b9"})
            record["comparisons"] = [_made_comparison(start)]
        yield number % partitions, encoder.encode(record)


def _made_message(rng: random.Random, at: int, start: int) -> Row:
    said = {"message_id": f"m{at}", "parent_id": f"m{at - 1}" if at else "", "occurred_at": start + at}
    if at % 2 == 0:
        return {**said, "role": "user", "content": made_text(rng, 30), "status": "complete"}
    answer = {
        "role": "assistant",
        "content": made_text(rng, 90),
        "status": "complete",
        "finish_reason": "stop",
    }
    return {**said, **answer, "latency_ms": rng.randint(200, 4000)}


def _made_like(rng: random.Random, at: int, start: int) -> Row:
    feedback = {
        "id": f"f{at}", "rater": {"kind": "user"}, "aspect": "satisfaction", "kind": "thumb",
        "value": ("plaudit.v1.Thumb", {"like": rng.random() < 0.8}),
    }  # fmt: skip
    return {"message_id": f"m{at}", "feedback": feedback, "occurred_at": start}


def _made_comparison(start: int) -> Row:
    return {
        "comparison_id": "c", "candidates": ["m9", "b9"], "ranking": [["b9"], ["m9"]], "occurred_at": start,
        "rater": {"kind": "user"},
    }  # fmt: skip
