"""Reads what a client of OpenAI asks, and gives its calls their history where the server keeps it."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final

from plaudit_producers.integrations.open_calls import Answered, Asked, texts_of
from plaudit_producers.model_calls.call import CallMessage
from plaudit_producers.model_calls.openai_bodies import (
    Body,
    body_parameters,
    body_tools,
    body_usage,
    completion_answers,
    completion_given,
    response_answers,
    response_given,
)
from plaudit_producers.model_calls.openai_chunks import ChunkGatherer, CompletionChunks, ResponseEvents

_COMPLETIONS: Final = "/chat/completions"
_RESPONSES: Final = "/responses"
_HISTORIES: Final = 1000
_LONGEST_HISTORY: Final = 500  # messages


@dataclass(frozen=True, slots=True)
class OpenAIRequest:
    """A request that asks a model for an answer.

    Attributes:
        responses: whether it is one of the responses API.
        continues: what names the history at the server: the response before, or a conversation.
        instructions: how many of the first messages hold for this response only.
    """

    asked: Asked
    responses: bool = False
    continues: str | None = None
    instructions: int = 0

    def gatherer(self) -> ChunkGatherer:
        """What gathers the stream of this request's answer."""
        return ResponseEvents() if self.responses else CompletionChunks()

    def answered(self, result: Any) -> Answered | None:
        """What an answer in JSON says; None if it is no answer of this API."""
        if not isinstance(result, Mapping) or ("output" if self.responses else "choices") not in result:
            return None
        return Answered(
            response_answers(result) if self.responses else completion_answers(result),
            _text(result.get("model")),
            body_usage(result),
            _text(result.get("id")),
        )


def request_of(method: str, path: str, body: Any) -> OpenAIRequest | None:
    """Read a request; None if it asks no model for an answer.

    Args:
        path: of the URL, with or without what stands before the path of the API.
    """
    path = path.partition("?")[0].rstrip("/")
    if method.lower() != "post" or not isinstance(body, Mapping):
        return None
    if path.endswith(_COMPLETIONS):
        return OpenAIRequest(_asked(body, completion_given(body)))
    if not path.endswith(_RESPONSES):
        return None
    conversation = body.get("conversation")
    if isinstance(conversation, Mapping):
        conversation = conversation.get("id")
    asked = replace(_asked(body, response_given(body)), conversation_id=_text(conversation))
    continues = _text(body.get("previous_response_id")) or _text(conversation)
    return OpenAIRequest(asked, True, continues, int(isinstance(body.get("instructions"), str)))


class ServerHistories:
    """What was said in the chats whose history the server keeps. Thread-safe.

    Only the latest are known, and only those of this process.
    """

    def __init__(self, capacity: int = _HISTORIES) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[CallMessage, ...]] = OrderedDict()

    def with_history(self, request: OpenAIRequest) -> OpenAIRequest:
        """The request with the messages before it. Instructions stay at the beginning."""
        if request.continues is None:
            return request
        with self._lock:
            history = self._known.get(request.continues, ())
        given, own = request.asked.given, request.instructions
        given = (*given[:own], *history, *given[own:])
        return replace(request, asked=replace(request.asked, given=given))

    def remember(self, request: OpenAIRequest, answered: Answered) -> None:
        """Remember a chat as it is after a response."""
        if not request.responses or not answered.answers or answered.answers[0].status == "error":
            return
        said = request.asked.given[request.instructions :]
        history = (*said, answered.answers[0].message)[-_LONGEST_HISTORY:]
        with self._lock:
            for name in (answered.response_id, request.asked.conversation_id):
                if name is not None:
                    self._known[name] = history
                    self._known.move_to_end(name)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


def _asked(body: Body, given: tuple[CallMessage, ...]) -> Asked:
    return Asked(
        given,
        _text(body.get("model")),
        body_parameters(body),
        body_tools(body),
        user_id=_text(body.get("user")) or _text(body.get("safety_identifier")),
        metadata=texts_of(body.get("metadata")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
