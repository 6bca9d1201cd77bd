"""Prints what folding random logs gives, as digests: `python -m tests.support.fold_digest EVENTS SEED...`."""

import random
import sys
from collections.abc import Iterator
from hashlib import sha256

import orjson
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.compiled import how_it_runs
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.examples import examples
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import (
    EMITTED,
    ConversationState,
    Effects,
    Rules,
    encode_finished,
    fold_record,
)
from plaudit_stream_processors.state.fields import changed_fields

from harness.events import events

_START_US = 1_795_000_000_000_000


def _payloads(count: int, rng: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """Generated events and the examples of the schema; some come twice, some are damaged."""
    given = [(example.record, example.payload) for example in examples("conversation_event")]
    made = [(conversation_key(each["application"], each["conversation_id"]), value) for each, value in given]
    made += events(count, open_conversations=60, seed=rng.randrange(10**6), start_us=_START_US)
    for key, payload in made:
        luck = rng.random()
        if luck < 0.03:
            at = rng.randrange(5, len(payload))
            yield key, payload[:at] + rng.randbytes(rng.randrange(3)) + payload[at + rng.randrange(2) :]
        yield key, payload
        if luck > 0.97:
            yield key, payload


def _digest(count: int, seed: int) -> str:
    rng = random.Random(seed)
    digest, held, effects, rules = sha256(), dict[bytes, ConversationState](), Effects(), Rules()
    pairs = list(_payloads(count, rng))
    decoded = Decoder("conversation_event", sparse=True).decode_many([payload for _, payload in pairs])
    dense = Decoder("conversation_event").decode_many([payload for _, payload in pairs])
    digest.update(repr(dense).encode("utf-8", "replace"))
    encoders = {name: Encoder(name) for name in EMITTED}
    for offset, ((key, payload), event) in enumerate(zip(pairs, decoded, strict=True)):
        record = KafkaRecord(0, offset, _START_US // 1000 + offset // 3, key, payload)
        state = fold_record(record, event, held.get, effects, rules)
        if isinstance(state, Refusal):
            digest.update(repr(state).encode("utf-8", "replace"))
        elif state.events:
            held[key] = state
        for emission, value, refusal in encode_finished(effects, encoders):
            digest.update(repr((emission.key, emission.offset, value, refusal)).encode("utf-8", "replace"))
    for key, state in sorted(held.items()):
        digest.update(
            key
            + b"".join(part if isinstance(part, bytes) else part.encode() for part in changed_fields(state))
        )
    digest.update(orjson.dumps(effects.counters.by_bucket(), option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


if __name__ == "__main__":
    print(how_it_runs())
    for word in sys.argv[2:]:
        print(word, _digest(int(sys.argv[1]), int(word)))
