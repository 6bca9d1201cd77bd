"""`MessageHandle`: feedback on one message, from any process, by the message's id alone."""

from collections.abc import Sequence
from typing import Generic, SupportsFloat, TypeVar, Unpack

from plaudit_schemas.contract.feedback import Span
from plaudit_schemas.contract.field_types import ValueKind

from plaudit_producers.sdk.bodies import DecisionOptions, FeedbackOptions, Fields
from plaudit_producers.sdk.conversation import ConversationHandle

R_co = TypeVar("R_co", covariant=True)


class MessageHandle(Generic[R_co]):
    """The methods of a conversation's handle that are about one message, bound to that message.

    They return and raise what those of the conversation's handle do. It does not matter whether the message
    is known yet: feedback waits for its message.

    Attributes:
        conversation: the handle of the message's conversation.
    """

    __slots__ = ("conversation", "message_id")

    def __init__(self, conversation: ConversationHandle[R_co], message_id: str) -> None:
        self.conversation = conversation
        self.message_id = message_id

    def like(self, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]) -> R_co:
        """Give a thumbs up. Returns the feedback's id."""
        return self.conversation.like(self.message_id, aspect=aspect, **fields)

    def dislike(self, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]) -> R_co:
        """Give a thumbs down. Returns the feedback's id."""
        return self.conversation.dislike(self.message_id, aspect=aspect, **fields)

    def rate(
        self,
        number: SupportsFloat,
        *,
        minimum: SupportsFloat = 1,
        maximum: SupportsFloat = 5,
        aspect: str = "satisfaction",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Give a number from `minimum` (the worst) to `maximum` (the best). Returns the feedback's id."""
        return self.conversation.rate(
            self.message_id, number, minimum=minimum, maximum=maximum, aspect=aspect, **fields
        )

    def label(
        self, labels: Sequence[str], *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """Give one or more labels. Returns the feedback's id."""
        return self.conversation.label(self.message_id, labels, aspect=aspect, **fields)

    def comment(self, text: str, *, aspect: str = "satisfaction", **fields: Unpack[FeedbackOptions]) -> R_co:
        """Comment in words. Returns the feedback's id."""
        return self.conversation.comment(self.message_id, text, aspect=aspect, **fields)

    def correct(self, content: str, *, aspect: str = "accuracy", **fields: Unpack[FeedbackOptions]) -> R_co:
        """Give the text that the message should have had. Returns the feedback's id."""
        return self.conversation.correct(self.message_id, content, aspect=aspect, **fields)

    def signal(
        self,
        name: str,
        number: SupportsFloat | None = None,
        *,
        aspect: str = "behaviour",
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Record what the user did, such as `copied`. Returns the feedback's id."""
        return self.conversation.signal(self.message_id, name, number, aspect=aspect, **fields)

    def mark_spans(
        self, spans: Sequence[Span | Fields], *, aspect: str = "spans", **fields: Unpack[FeedbackOptions]
    ) -> R_co:
        """Label parts of the message's content. Returns the feedback's id."""
        return self.conversation.mark_spans(self.message_id, spans, aspect=aspect, **fields)

    def withdraw(
        self,
        kind: ValueKind,
        *,
        aspect: str = "satisfaction",
        signal: str | None = None,
        **fields: Unpack[FeedbackOptions],
    ) -> R_co:
        """Withdraw feedback, as `Conversation.withdraw`. Returns the new feedback's id."""
        return self.conversation.withdraw(self.message_id, kind, aspect=aspect, signal=signal, **fields)

    def exclude(self, *, excluded: bool = True, **fields: Unpack[DecisionOptions]) -> R_co:
        """Keep the message out of training rows, or let it in again. Returns the event's id."""
        return self.conversation.exclude(self.message_id, excluded=excluded, **fields)
