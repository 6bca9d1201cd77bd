"""The units of one conversation, one for each key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from plaudit_consumers.rows.chats import DIGEST_BYTES, Answer, AnswerPrompt
from plaudit_consumers.rows.unit_schema import UnitKind
from plaudit_consumers.rows.votes import Vote


@dataclass(slots=True)
class Unit:
    """One unit, as positions in a ConversationView; the fields are those of UNITS.

    Attributes:
        conversation: the row in the canonical table.
        second: None for an answer.
    """

    kind: UnitKind
    conversation: int
    key: bytes
    prompt: AnswerPrompt
    tools: str | None
    first: Answer
    second: Answer | None = None
    votes: list[Vote] = field(default_factory=list)
    corrected: bool = False
    demonstration: bool = False

    @property
    def answers(self) -> tuple[Answer, ...]:
        return (self.first,) if self.second is None else (self.first, self.second)

    @property
    def has_tools(self) -> bool:
        uses = self.prompt.chat.links is not None or any(answer.link is not None for answer in self.answers)
        return uses or self.tools is not None


class UnitSet:
    """Makes each unit of a conversation once, however often it is judged."""

    def __init__(self, conversation: int) -> None:
        self._conversation = conversation
        self._units: dict[bytes, Unit] = {}

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._units.values())

    def answer(self, prompt: AnswerPrompt, tools: str | None, answer: Answer) -> Unit:
        """The unit of an answer."""
        return self._unit("answer", prompt, tools, answer)

    def pair(self, prompt: AnswerPrompt, tools: str | None, one: Answer, other: Answer) -> Unit:
        """The unit of two different answers. Its first one is that with the smaller hash."""
        first, second = sorted((one, other), key=lambda answer: answer.digest)
        return self._unit("pair", prompt, tools, first, second)

    def _unit(
        self,
        kind: UnitKind,
        prompt: AnswerPrompt,
        tools: str | None,
        first: Answer,
        second: Answer | None = None,
    ) -> Unit:
        hashed = blake2b(f"{kind} {tools or ''}\0".encode(), digest_size=DIGEST_BYTES)
        for digest in (prompt.digest, first.digest, b"" if second is None else second.digest):
            hashed.update(digest)
        key = hashed.digest()
        if key not in self._units:
            self._units[key] = Unit(kind, self._conversation, key, prompt, tools, first, second)
        return self._units[key]
