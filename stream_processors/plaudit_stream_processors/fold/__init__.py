"""The fold: a conversation's state as a pure function of the log. Imports no Kafka, Redis or Faust."""

from plaudit_stream_processors.fold.conversation import Conversation
from plaudit_stream_processors.fold.effects import Effects, Emission
from plaudit_stream_processors.fold.events import Event, Refused
from plaudit_stream_processors.fold.folding import fold
from plaudit_stream_processors.fold.rules import Rules

__all__ = ["Conversation", "Effects", "Emission", "Event", "Refused", "Rules", "fold"]
