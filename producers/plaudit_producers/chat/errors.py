"""Errors of the chat page. Their texts are shown to the person who chats.

PlauditError
└── ChatError
    ├── EndpointError    a model's endpoint gave no whole answer; `kind` says why
    └── ChatBusyError    an answer is still being written
"""

from typing import Literal

from plaudit_schemas.errors import PlauditError

EndpointErrorKind = Literal[
    "unauthorized",
    "forbidden",
    "unknown_model",
    "too_many_requests",
    "refused_request",
    "server_error",
    "unreachable",
    "cut_stream",
    "timeout",
    "not_json",
    "empty_answer",
    "too_long",
]


class ChatError(PlauditError):
    """What a visitor of the chat page asked for cannot be done."""


class EndpointError(ChatError):
    """A model's endpoint gave no whole answer. What came before the error is kept.

    Attributes:
        retry_after_s: seconds to wait, if the endpoint said so.
    """

    def __init__(self, kind: EndpointErrorKind, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.retry_after_s = retry_after_s


class ChatBusyError(ChatError):
    """An answer is still being written in this chat."""
