"""Generated chats with one answer each, which a scorer scores and a person likes or dislikes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
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
from plaudit_schemas.contract.feedback import Feedback, Number, Rater, Thumb
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.times import moment


@dataclass(frozen=True)
class Scored:
    """Chats of one scorer's version.

    Attributes:
        right: how often the score is on the person's side.
        shy: how often nobody votes.
    """

    count: int
    right: float
    first_us: int
    last_us: int
    scorer: str = "taste"
    version: str = "1"
    seed: int = 1
    shy: float = 0.0

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of every event."""
        rng, encoder = random.Random(self.seed), Encoder("conversation_event")
        for number in range(self.count):
            at = self.first_us + (self.last_us - self.first_us) * number // max(1, self.count - 1)
            conversation_id = uuid4().hex
            for body in self._bodies(rng):
                event = ConversationEvent(
                    application="shop", conversation_id=conversation_id, body=body, occurred_at=moment(at)
                )
                yield conversation_key("shop", conversation_id), encoder.encode(event.to_record())

    def _bodies(self, rng: random.Random) -> list[AnyBody]:
        liked = rng.random() < 0.6
        side = liked if rng.random() < self.right else not liked
        number = round(0.5 + rng.random() / 2 if side else rng.random() / 2 - 0.001, 3)
        score = Feedback(
            aspect="satisfaction",
            rater=Rater(id=self.scorer, kind="model", version=self.version),
            value=Number(number=max(0.0, number), minimum=0, maximum=1),
        )
        said: list[AnyBody] = [UpdateMessage(message_id="a", feedback=score)]
        if rng.random() >= self.shy:
            said.append(
                UpdateMessage(
                    message_id="a", feedback=Feedback(aspect="satisfaction", value=Thumb(like=liked))
                )
            )
        rng.shuffle(said)
        return [
            StartConversation(model=Model(id="answerer", version="1"), consent="granted"),
            AddMessage(message_id="u", role="user", content="simulated question"),
            AddMessage(message_id="a", role="assistant", content="simulated answer"),
            *said,
        ]
