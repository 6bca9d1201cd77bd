"""One chat as its page knows it: a tree of messages, the branch that is shown, what was said of them. Pure.

Siblings are the answers to one message: a regenerated answer, or two side by side.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from plaudit_schemas.contract.events import Model, TokenUsage
from plaudit_schemas.contract.field_types import Consent, MessageStatus, Role, ValueKind
from plaudit_schemas.contract.ulid import new_ulid

ROOT: Final = ""
"""The parent of a chat's first message."""

JudgementValue = bool | float | str | tuple[str, ...]
"""A thumb, a number, a text or correction, or labels. A signal is its number, or True if it has none."""


class JudgementSlot(NamedTuple):
    """What a value is said of. Each slot holds one value, and a new one replaces it.

    Attributes:
        message_id: None for the whole chat.
        signal: the name of a signal; None for other kinds.
    """

    message_id: str | None
    aspect: str
    kind: ValueKind
    signal: str | None = None


@dataclass(slots=True)
class AnswerFacts:
    """How an answer was made.

    Attributes:
        parameters: a JSON object.
        corrected: ids of earlier messages of which the model was sent the correction.
    """

    model: Model
    parameters: str | None = None
    corrected: tuple[str, ...] = ()
    latency_ms: int | None = None
    first_token_ms: int | None = None
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    error_kind: str | None = None


@dataclass(slots=True)
class ChatOpening:
    """What a conversation starts with.

    Attributes:
        user_id: the visitor.
        continues: the conversation of the same visitor before this one.
    """

    user_id: str | None = None
    consent: Consent = "unspecified"
    model: Model | None = None
    continues: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class TranscriptMessage:
    """A message.

    Attributes:
        parent_id: the message that it answers; ROOT for the first.
        status: `partial` while it is being written.
        model_key: the key of the model in the models file; None for what a person wrote.
        error: a sentence that says why the answer is not whole.
        retry_after_s: how long to wait before another try, if the endpoint said so.
        facts: of an answer of a model.
        side: where it stood when it was compared with its sibling.
        send_correction: whether models are sent its correction instead of its content.
        recorded: whether it was given to the producer, or restored.
    """

    role: Role
    content: str
    parent_id: str = ROOT
    id: str = field(default_factory=new_ulid)
    status: MessageStatus = "complete"
    reasoning: str = ""
    model_key: str | None = None
    error: str | None = None
    retry_after_s: float | None = None
    side: str | None = None
    send_correction: bool = False
    facts: AnswerFacts | None = None
    recorded: bool = False


class Transcript:
    """The messages of one conversation. Not thread-safe: use it in one event loop.

    Attributes:
        started: whether the start of the conversation was recorded.
        ended: whether its end was.
    """

    def __init__(self, conversation_id: str | None = None, opening: ChatOpening | None = None) -> None:
        self.conversation_id = new_ulid() if conversation_id is None else conversation_id
        self.opening = ChatOpening() if opening is None else opening
        self.started = False
        self.ended = False
        self.messages: dict[str, TranscriptMessage] = {}
        self.judgements: dict[JudgementSlot, JudgementValue] = {}
        self._children: dict[str, list[str]] = {}
        self._shown: dict[str, str] = {}

    def add(self, message: TranscriptMessage) -> TranscriptMessage:
        """Add a message, and show it rather than its siblings."""
        self.messages[message.id] = message
        self._children.setdefault(message.parent_id, []).append(message.id)
        self._shown[message.parent_id] = message.id
        return message

    def path(self) -> list[TranscriptMessage]:
        """The messages that are shown, the first one first. A system prompt is one of them."""
        return list(self._walk())

    @property
    def last_id(self) -> str:
        """The last message that is shown; ROOT if there is none."""
        path = self.path()
        return path[-1].id if path else ROOT

    def siblings(self, message_id: str) -> list[str]:
        """The messages with the same parent, this one among them, in the order in which they came."""
        return list(self._children[self.messages[message_id].parent_id])

    def show(self, message_id: str) -> None:
        """Show a message rather than its siblings, with what was said after it."""
        self._shown[self.messages[message_id].parent_id] = message_id

    def show_path(self, message_id: str) -> None:
        """Show the branch that leads to a message."""
        for message in self.path_to(message_id):
            self.show(message.id)

    def path_to(self, message_id: str) -> list[TranscriptMessage]:
        """A message and all before it, the first one first; empty for ROOT."""
        found = []
        while message_id != ROOT:
            message = self.messages[message_id]
            found.append(message)
            message_id = message.parent_id
        return found[::-1]

    def said(
        self, message_id: str | None, aspect: str, kind: ValueKind, signal: str | None = None
    ) -> JudgementValue | None:
        """What was said last in a slot; None if nothing was, or it was taken back."""
        return self.judgements.get(JudgementSlot(message_id, aspect, kind, signal))

    def put(self, slot: JudgementSlot, value: JudgementValue | None) -> None:
        """Note what is said in a slot; None takes it back."""
        if value is None:
            self.judgements.pop(slot, None)
        else:
            self.judgements[slot] = value

    def _walk(self) -> Iterator[TranscriptMessage]:
        at = self._shown.get(ROOT)
        while at is not None:
            yield self.messages[at]
            at = self._shown.get(at)
