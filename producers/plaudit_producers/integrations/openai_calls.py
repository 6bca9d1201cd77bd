"""Records one call of a client of OpenAI: its answer, its stream, or its failure."""

import json
from typing import Any, Final

from plaudit_producers.integrations.failures import failure_sentence
from plaudit_producers.integrations.guard import guarded
from plaudit_producers.integrations.open_calls import Answered, OpenCall
from plaudit_producers.integrations.openai_requests import OpenAIRequest, ServerHistories
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.openai_chunks import plain
from plaudit_producers.sdk.producer import FeedbackProducer

_NO_ANSWER: Final = "The server's answer is not one of this API."


class OpenAICall:
    """A call that a client makes. Nothing here raises."""

    def __init__(
        self, request: OpenAIRequest, histories: ServerHistories, producer: FeedbackProducer | None
    ) -> None:
        self._request = histories.with_history(request)
        self._histories = histories
        self._open = OpenCall(self._request.asked, producer)
        self._chunks = self._request.gatherer()
        self._silent = True

    @property
    def ended(self) -> bool:
        return self._open.ended

    @guarded("openai: recording an answer")
    def take_result(self, result: Any) -> None:
        """The whole answer has come, as an object of the client or as JSON."""
        answered = self._request.answered(plain(result))
        self._end(answered or Answered((_failed(_NO_ANSWER),)))

    @guarded("openai: recording an answer")
    def take_content(self, content: bytes) -> None:
        """The whole answer has come, as the body of a response."""
        try:
            self.take_result(json.loads(content))
        except ValueError:
            self.take_result(None)

    @guarded("openai: reading a stream")
    def take_chunk(self, chunk: Any) -> None:
        """The next part of a stream has come."""
        self._chunks.take(chunk)
        if self._silent and self._chunks.said:
            self._silent = False
            self._open.note_first_token()

    @guarded("openai: recording a stream")
    def end_stream(self, error: BaseException | None = None) -> None:
        """The stream has ended, has failed, or was closed."""
        if self.ended:
            return
        chunks = self._chunks
        answers = chunks.answers(None if error is None else failure_sentence(error))
        self._end(Answered(answers, chunks.model, chunks.usage(), chunks.response_id))

    @guarded("openai: recording a failed call")
    def fail(self, error: BaseException) -> None:
        """There is no answer."""
        self._end(Answered((_failed(failure_sentence(error)),)))

    @guarded("openai: recording a request")
    def end_unread(self) -> None:
        """The answer has come, but only the program knows it."""
        self._end(Answered())

    def _end(self, answered: Answered) -> None:
        self._open.end(answered)
        self._histories.remember(self._request, answered)


def _failed(sentence: str) -> CallAnswer:
    return CallAnswer(CallMessage("assistant"), "error", error=sentence)
