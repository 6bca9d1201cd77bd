"""The fold: a conversation's state as a pure function of the log. Imports no Kafka, Redis or Faust."""

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import EMITTED, Effects, Emission, Emitted
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.folding import fold
from plaudit_stream_processors.fold.history import RulesHistory
from plaudit_stream_processors.fold.rules import (
    ASPECTS_VERSION,
    CAPS_VERSION,
    CLOCKS_VERSION,
    CURRENT_VERSION,
    SCORES_VERSION,
    Rules,
)
from plaudit_stream_processors.fold.step import check_place, encode_finished, fold_record, has_own_place

__all__ = [
    "ASPECTS_VERSION",
    "CAPS_VERSION",
    "CLOCKS_VERSION",
    "CURRENT_VERSION",
    "EMITTED",
    "SCORES_VERSION",
    "ConversationState",
    "Effects",
    "Emission",
    "Emitted",
    "Event",
    "Rules",
    "RulesHistory",
    "check_place",
    "encode_finished",
    "fold",
    "fold_record",
    "has_own_place",
]
