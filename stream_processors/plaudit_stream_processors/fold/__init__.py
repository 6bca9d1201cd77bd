"""The fold: a conversation's state as a pure function of the log. Imports no Kafka, Redis or Faust."""

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects, Emission
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.folding import fold
from plaudit_stream_processors.fold.rules import Rules
from plaudit_stream_processors.fold.step import encode_finished, fold_record

__all__ = [
    "ConversationState",
    "Effects",
    "Emission",
    "Event",
    "Rules",
    "encode_finished",
    "fold",
    "fold_record",
]
