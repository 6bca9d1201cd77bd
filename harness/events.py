"""Generated events: seeded, interleaved over many open conversations, at least 300 bytes on average."""

import random
from collections.abc import Iterator
from typing import Any

from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.ulid import encode_ulid

TEXT = "the model said that nobody had asked about the weather in Zürich on a day like this 😀"
WORDS = TEXT.split()
MODELS = ("acme-large", "acme-small", "zeta-chat")


def events(
    count: int, *, open_conversations: int = 10_000, seed: int = 1, start_us: int, answer_words: int = 90
) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of `count` events. Each is the next step of an open conversation, drawn at random."""
    encoder, rng = Encoder("conversation_event"), random.Random(seed)
    slots = [_chat(rng, slot, answer_words) for slot in range(open_conversations)]
    made = 0
    while made < count:
        slot = rng.randrange(open_conversations)
        step = next(slots[slot], None)
        if step is None:
            slots[slot] = _chat(rng, made * open_conversations + slot, answer_words)
            continue
        conversation_id, sequence, body = step
        record = {
            "event_id": encode_ulid((start_us + made * 10) // 1000, rng.randbytes(10)),
            "application": "bench",
            "conversation_id": conversation_id,
            "occurred_at": start_us + made * 10,
            "producer": "01K5JXGZZZPRODUCER00000000",
            "sequence": sequence,
            "source": "sdk",
            "body": body,
        }
        yield conversation_key("bench", conversation_id), encoder.encode(record)
        made += 1


def _chat(
    rng: random.Random, number: int, answer_words: int
) -> Iterator[tuple[str, int, tuple[str, dict[str, Any]]]]:
    conversation_id = f"conversation-{number:012d}"
    model = {"id": MODELS[number % len(MODELS)], "version": "2026-09"}
    sequence = 0

    def step(name: str, body: dict[str, Any]) -> tuple[str, int, tuple[str, dict[str, Any]]]:
        nonlocal sequence
        sequence += 1
        return conversation_id, sequence - 1, (f"plaudit.v1.{name}", body)

    yield step("StartConversation", {"model": model, "consent": "granted", "tags": {"locale": "de-CH"}})
    for turn in range(rng.randint(2, 7)):
        yield step("AddMessage", {"message_id": f"u{turn}", "role": "user", "content": made_text(rng, 30)})
        answer = {"message_id": f"a{turn}", "role": "assistant", "content": made_text(rng, answer_words)}
        yield step("AddMessage", {**answer, "latency_ms": rng.randint(200, 4000), "finish_reason": "stop"})
        if rng.random() < 0.12:
            yield step("UpdateMessage", {"message_id": f"a{turn}", "feedback": _feedback(rng, sequence)})
    yield step("EndConversation", {"reason": "closed"})


def _feedback(rng: random.Random, number: int) -> dict[str, Any]:
    rater = {"id": None, "kind": "user"}
    value: tuple[str, dict[str, Any]]
    if rng.random() < 0.5:
        value = ("plaudit.v1.Thumb", {"like": rng.random() < 0.8})
        return {"id": f"f{number}", "rater": rater, "aspect": "satisfaction", "kind": "thumb", "value": value}
    value = ("plaudit.v1.Label", {"labels": [rng.choice(("correct", "incorrect"))]})
    return {"id": f"f{number}", "rater": rater, "aspect": "accuracy", "kind": "label", "value": value}


def made_text(rng: random.Random, words: int) -> str:
    """A text of `words` words, or up to half as many fewer or more."""
    return " ".join(rng.choices(WORDS, k=rng.randint(words // 2, words * 3 // 2)))
