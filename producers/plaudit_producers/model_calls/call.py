"""One call of a chat model: what it was given, and what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from plaudit_schemas.contract.events import Attachment, Model, TokenUsage, ToolCall
from plaudit_schemas.contract.field_types import Consent, MessageStatus, Role


@dataclass(frozen=True, slots=True)
class CallMessage:
    """A message that a model was given or has made. The fields are those of `AddMessage`."""

    role: Role
    content: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """One answer of a call. Several of one call are siblings.

    Attributes:
        status: `cut` if the stream ended early, `error` if the call failed.
        error: a sentence that says what failed.
    """

    message: CallMessage
    status: MessageStatus = "complete"
    finish_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model in a conversation.

    Attributes:
        conversation_id: None if the caller named none: the call is a conversation of its own, and ends it.
        given: the messages that the model was given, in order; often the conversation so far.
        answers: none if only the request is known.
        response_id: the provider's id of the response.
        parameters, tools: JSON texts.
    """

    given: tuple[CallMessage, ...]
    answers: tuple[CallAnswer, ...] = ()
    conversation_id: str | None = None
    user_id: str | None = None
    consent: Consent = "unspecified"
    model: Model | None = None
    started_at: datetime | None = None
    latency_ms: int | None = None
    first_token_ms: int | None = None
    usage: TokenUsage | None = None
    parameters: str | None = None
    tools: str | None = None
    response_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
