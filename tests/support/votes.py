"""Generated chats with one answer and one vote each, spread over a time that a test chooses."""

import random
from collections.abc import Iterator
from uuid import uuid4

from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.events import (
    AddMessage,
    AnyBody,
    ConversationEvent,
    Model,
    StartConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Feedback, Thumb
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.times import moment


def votes(
    count: int,
    *,
    likes: float,
    first_us: int,
    last_us: int,
    model: str = "answerer",
    seed: int = 1,
    aspect: str = "satisfaction",
) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of the events of `count` chats. The share `likes` of the votes are likes."""
    rng, encoder = random.Random(seed), Encoder("conversation_event")
    for number in range(count):
        at = first_us + (last_us - first_us) * number // max(1, count - 1)
        conversation_id = uuid4().hex
        bodies: list[AnyBody] = [
            StartConversation(model=Model(id=model, version="1"), consent="granted"),
            AddMessage(message_id="u", role="user", content="simulated question"),
            AddMessage(message_id="a", role="assistant", content="simulated answer", latency_ms=900),
            UpdateMessage(
                message_id="a",
                feedback=Feedback(aspect=aspect, value=Thumb(like=rng.random() < likes)),
            ),
        ]
        for body in bodies:
            event = ConversationEvent(
                application="shop", conversation_id=conversation_id, body=body, occurred_at=moment(at)
            )
            yield conversation_key("shop", conversation_id), encoder.encode(event.to_record())
