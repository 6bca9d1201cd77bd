"""Records the chats of LangChain (extra `langchain`).

    chain.invoke(question, config={"callbacks": [PlauditCallbackHandler()]})

With `PLAUDIT_LANGCHAIN=1`, importing this module records all runs of the process.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from plaudit_schemas.contract.field_types import EndReason
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from plaudit_producers.integrations.current import current_conversation
from plaudit_producers.integrations.deferred import DEFERRED
from plaudit_producers.integrations.failures import failure_sentence
from plaudit_producers.integrations.guard import guarded
from plaudit_producers.integrations.langchain_runs import RunTree
from plaudit_producers.integrations.open_calls import OpenCall
from plaudit_producers.integrations.producers import shared_producer
from plaudit_producers.integrations.settings import IntegrationSettings
from plaudit_producers.sdk.producer import FeedbackProducer

try:
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import LLMResult
    from langchain_core.runnables.config import var_child_runnable_config
    from langchain_core.tracers.context import register_configure_hook

    from plaudit_producers.integrations.langchain_messages import answered_of, asked_of
except ImportError as error:
    raise SettingsError(
        "recording LangChain needs its library: pip install 'plaudit-producers[langchain]'"
    ) from error

_MOST_CALLS: Final = 10_000
"""So many calls may be in progress. Past it, the oldest is forgotten: it was never ended."""

__all__ = ["PlauditCallbackHandler", "record_all_runs"]


class PlauditCallbackHandler(BaseCallbackHandler):
    """Records what models are asked and answer in the runs that it is given to, streamed or not.

    All calls of models within one run, nested as deep as may be, are one conversation: the current one; else
    the one that the run's metadata names (`thread_id`, `session_id` or `conversation_id`; LangGraph's
    `thread_id` too); else one for the run, with the run's id, which ends with the run.

    Args:
        producer: by default the shared one, from the environment.
    """

    run_inline = True  # in order, and without a thread for each token

    def __init__(self, producer: FeedbackProducer | None = None) -> None:
        super().__init__()
        self._producer = producer
        self._runs = RunTree()
        self._calls: dict[UUID, OpenCall] = {}

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,  # noqa: ARG002
        metadata: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self._begin(messages, run_id, parent_run_id, metadata, more)

    def on_llm_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,  # noqa: ARG002
        metadata: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self._begin(prompts, run_id, parent_run_id, metadata, more)

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **_: Any) -> None:
        # The first chunk of many servers says only that an answer begins.
        if token:
            self._note_token(run_id)

    def on_stream_event(self, event: Any, *, run_id: UUID, **_: Any) -> None:
        if isinstance(event, Mapping) and event.get("event") == "content-block-delta":
            self._note_token(run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        self._end_call(run_id, response)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **more: Any) -> None:
        said = more.get("response")
        result = said if isinstance(said, LLMResult) else LLMResult(generations=[])
        self._soon(error, lambda: self._end_call(run_id, result, error))

    def on_chain_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        inputs: Any,  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        self._start_run(run_id, parent_run_id)

    def on_tool_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        input_str: str,  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        self._start_run(run_id, parent_run_id)

    def on_retriever_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        query: str,  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        self._start_run(run_id, parent_run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        self._end_run(run_id, "closed")

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        self._end_run(run_id, "closed")

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        self._end_run(run_id, "closed")

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self._soon(error, lambda: self._end_run(run_id, "error"))

    on_tool_error = on_chain_error
    on_retriever_error = on_chain_error

    @guarded("langchain: reading a request")
    def _begin(
        self,
        given: Iterable[Iterable[Any]],
        run_id: UUID,
        parent_run_id: UUID | None,
        metadata: Mapping[str, Any] | None,
        more: Mapping[str, Any],
    ) -> None:
        DEFERRED.start()
        messages = [each for batch in given for each in ([batch] if isinstance(batch, str) else batch)]
        root = self._runs.start(run_id, parent_run_id, calls=1)
        config = var_child_runnable_config.get() or {}
        asked = asked_of(
            messages, metadata or {}, more.get("invocation_params") or {}, config.get("configurable") or {}
        )
        if asked.conversation_id is None and current_conversation() is None:
            root.is_conversation = True
            asked = replace(asked, conversation_id=str(root.run_id))
        self._calls[run_id] = OpenCall(asked, self._producer)
        if len(self._calls) > _MOST_CALLS:
            self._calls.pop(next(iter(self._calls)), None)

    @guarded("langchain: reading a stream")
    def _note_token(self, run_id: UUID) -> None:
        call = self._calls.get(run_id)
        if call is not None:
            call.note_first_token()

    @guarded("langchain: recording an answer")
    def _end_call(self, run_id: UUID, result: LLMResult, error: BaseException | None = None) -> None:
        call = self._calls.pop(run_id, None)
        try:
            if call is not None:
                call.end(answered_of(result, None if error is None else failure_sentence(error)))
        finally:
            self._end_run(run_id, "closed" if error is None else "error", calls=1)

    @guarded("langchain: reading a run")
    def _start_run(self, run_id: UUID, parent_run_id: UUID | None) -> None:
        self._runs.start(run_id, parent_run_id)

    @guarded("langchain: recording the end of a run")
    def _end_run(self, run_id: UUID, reason: EndReason, calls: int = 0) -> None:
        ended = self._runs.end(run_id, reason, calls=calls)
        if ended is not None:
            producer = self._producer or shared_producer()
            producer.conversation(ended.conversation_id).end(reason=ended.reason)

    @guarded("langchain: recording a failure")
    def _soon(self, error: BaseException, work: Callable[[], None]) -> None:
        """Do something now; but later in a finalizer, which closes a generator that was left."""
        if isinstance(error, GeneratorExit):
            DEFERRED.put(work)
        else:
            work()


_handler: ContextVar[PlauditCallbackHandler | None] | None = None


def record_all_runs(producer: FeedbackProducer | None = None) -> None:
    """Record all runs of this process from now on, also those that are given no handler.

    Args:
        producer: by default the shared one, from the environment. Only the first call counts.
    """
    global _handler  # noqa: PLW0603  # one for the process
    if _handler is None:
        # As the default it holds in all threads and contexts, also in those that exist.
        _handler = ContextVar("plaudit_langchain", default=PlauditCallbackHandler(producer))  # noqa: B039
        register_configure_hook(_handler, inheritable=True, handle_class=PlauditCallbackHandler)


with guarded("langchain: reading PLAUDIT_LANGCHAIN"):
    if load(IntegrationSettings).langchain:
        record_all_runs()
