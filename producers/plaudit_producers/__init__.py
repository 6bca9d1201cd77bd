"""Send conversation events to Plaudit.

with FeedbackProducer("my-shop") as producer:
    chat = producer.start_conversation(model="answerer-2", user_id="u-1")
    chat.add_message("user", "Where is my parcel?")
    answer = chat.add_message("assistant", "It arrives tomorrow.")
    chat.like(answer)
    chat.end()
"""

from plaudit_producers._async import AsyncFeedbackProducer
from plaudit_producers._delivery import Delivery, DeliveryCallback, DeliveryFuture
from plaudit_producers._handle import AsyncConversation, Conversation
from plaudit_producers._identity import IdentityHash
from plaudit_producers._options import ProducerOptions
from plaudit_producers._outbox import Stats
from plaudit_producers._producer import FeedbackProducer
from plaudit_producers._redact import Redact, redact_texts
from plaudit_producers.errors import (
    BufferFullError,
    ClosedError,
    DeliveryError,
    DroppedError,
    ProducerError,
    RedactionError,
    SpooledError,
    SpoolError,
)

__all__ = [
    "AsyncConversation",
    "AsyncFeedbackProducer",
    "BufferFullError",
    "ClosedError",
    "Conversation",
    "Delivery",
    "DeliveryCallback",
    "DeliveryError",
    "DeliveryFuture",
    "DroppedError",
    "FeedbackProducer",
    "IdentityHash",
    "ProducerError",
    "ProducerOptions",
    "Redact",
    "RedactionError",
    "SpoolError",
    "SpooledError",
    "Stats",
    "redact_texts",
]
