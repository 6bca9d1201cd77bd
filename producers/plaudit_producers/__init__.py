"""Send conversation events to Plaudit.

with FeedbackProducer("my-shop") as producer:
    chat = producer.start_conversation(model="answerer-2", user_id="u-1")
    chat.add_message("user", "Where is my parcel?")
    answer = chat.add_message("assistant", "It arrives tomorrow.")
    chat.like(answer)
    chat.end()

This package exports the SDK. Its sub-packages:
    sdk: producers, conversations, delivery reports, and the buffer in memory.
    spool: the buffer on disk, for outages that outlast the process.
    gateway: takes events over HTTP, for browsers and other languages (an extra).
    importers: turn files of conversations into events; plug-ins add formats (an extra).
    simulator: makes up chats.
    interchange: review in other tools, and verdicts in files.
    generation: asks models for answers that people compare (an extra).
    commands: `plaudit chat`, `gateway`, `generate`, `keys`, `label`, `reconcile`, `replay`, `review`,
        `simulate`.
    model_calls: turns calls of chat models into events.
    integrations: record the calls that other libraries make (extras).
    chat: the chat page (an extra).
    review: the console's page where people review (an extra).
"""

from plaudit_producers.errors import (
    BufferFullError,
    ClosedError,
    DeliveryError,
    DroppedError,
    ProducerError,
    RedactionError,
    RejectedError,
    SpooledError,
    SpoolError,
    UnknownFieldError,
)
from plaudit_producers.integrations.current import (
    CurrentConversation,
    conversation,
    current_conversation,
)
from plaudit_producers.sdk.async_producer import AsyncFeedbackProducer
from plaudit_producers.sdk.content_problems import ContentProblem, ProblemCallback
from plaudit_producers.sdk.conversation import AsyncConversation, Conversation
from plaudit_producers.sdk.delivery import Delivery, DeliveryCallback, DeliveryFuture
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.message import MessageHandle
from plaudit_producers.sdk.options import ProducerOptions
from plaudit_producers.sdk.outbox import Stats
from plaudit_producers.sdk.producer import FeedbackProducer
from plaudit_producers.sdk.redact import Redact, redact_texts
from plaudit_producers.sdk.repair_notes import Repair

__all__ = [
    "AsyncConversation",
    "AsyncFeedbackProducer",
    "BufferFullError",
    "ClosedError",
    "ContentProblem",
    "Conversation",
    "CurrentConversation",
    "Delivery",
    "DeliveryCallback",
    "DeliveryError",
    "DeliveryFuture",
    "DroppedError",
    "FeedbackProducer",
    "IdentityHash",
    "MessageHandle",
    "ProblemCallback",
    "ProducerError",
    "ProducerOptions",
    "Redact",
    "RedactionError",
    "RejectedError",
    "Repair",
    "SpoolError",
    "SpooledError",
    "Stats",
    "UnknownFieldError",
    "conversation",
    "current_conversation",
    "redact_texts",
]
