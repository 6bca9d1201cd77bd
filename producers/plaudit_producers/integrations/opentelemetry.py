"""OpenTelemetry's GenAI completion hook: one adapter for every client library that is instrumented with it.

OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK=plaudit

The instrumentations of `opentelemetry-instrumentation-genai-*` give it each call with its messages, also if
they are told not to capture content, so that no message reaches the traces.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from plaudit_schemas.contract.times import moment

from plaudit_producers.integrations.current import current_conversation
from plaudit_producers.integrations.guard import guarded
from plaudit_producers.integrations.open_calls import Answered, Asked
from plaudit_producers.integrations.openai_requests import OpenAIRequest, ServerHistories
from plaudit_producers.integrations.recording import record_call
from plaudit_producers.model_calls.call import CallMessage, ModelCall
from plaudit_producers.model_calls.genai_attributes import (
    CLIENT_KIND,
    CONVERSATION_ID,
    described,
    finish_reasons_of,
    is_model_call,
)
from plaudit_producers.model_calls.genai_content import failure_of, finished_answers
from plaudit_producers.model_calls.json_messages import as_text, message_of, role_of
from plaudit_producers.sdk.producer import FeedbackProducer

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord
    from opentelemetry.trace import Span
    from opentelemetry.util.genai.types import InputMessage, MessagePart, OutputMessage, ToolDefinition

log: Final = logging.getLogger("plaudit_producers")

_INTERNAL_KIND: Final = 1
_RESPONSE_BEFORE: Final = "gen_ai.request.previous_response.id"
_OF_OPENAI: Final = "conv_"
"""What the ids of conversations begin with whose history OpenAI keeps."""


class PlauditCompletionHook:
    """Records each call in the current conversation, else in the telemetry's, else in that of its trace.

    It is the entry point `plaudit`; instrumentors also take an instance as `completion_hook`. It never
    raises, and returns once the events of the call are in the producer's buffer.

    Args:
        producer: by default the one of this process, from the environment.
    """

    def __init__(self, producer: FeedbackProducer | None = None) -> None:
        self._producer = producer
        self._histories = ServerHistories()
        self._warned = False

    @guarded("opentelemetry: recording a call")
    def on_completion(
        self,
        *,
        inputs: "list[InputMessage]",
        outputs: "list[OutputMessage]",
        system_instruction: "list[MessagePart]",
        tool_definitions: "list[ToolDefinition] | None" = None,
        span: "Span | None" = None,
        log_record: "LogRecord | None" = None,
    ) -> None:
        """Record one call. OpenTelemetry calls it before the span ends."""
        attributes = _attributes_of(span, log_record)
        if not attributes:
            self._warn()
        elif not is_model_call(attributes, _kind_of(span)):
            return  # an agent's run or a workflow, whose calls come by themselves
        leading = _leading(system_instruction)
        given = [*leading, *(message for each in inputs for message in _messages_in(each))]
        said = [(message, output.finish_reason) for output in outputs for message in _messages_in(output)[:1]]
        if not given and not said:
            return
        failure = failure_of(attributes, _error_of(span))
        call = ModelCall(
            tuple(given),
            tuple(finished_answers(said, finish_reasons_of(attributes), failure)),
            tools=as_text([vars(tool) for tool in tool_definitions]) if tool_definitions else None,
        )
        call = self._with_history(described(_timed(call, span), attributes), attributes, len(leading))
        record_call(_placed(call, attributes, span), self._producer)

    def _with_history(self, call: ModelCall, attributes: Mapping[str, Any], leading: int) -> ModelCall:
        """The call with the messages before it, where the server keeps them."""
        named = call.conversation_id or ""
        kept = attributes.get(_RESPONSE_BEFORE) or (named if named.startswith(_OF_OPENAI) else None)
        asked = Asked(call.given, conversation_id=named if named.startswith(_OF_OPENAI) else None)
        request = self._histories.with_history(OpenAIRequest(asked, True, kept, leading))
        self._histories.remember(request, Answered(call.answers, response_id=call.response_id))
        return replace(call, given=request.asked.given)

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "a model call has no recorded span, so its model and duration are not known; set a "
                "TracerProvider of OpenTelemetry's SDK that samples all spans (it needs no exporter)"
            )


def _attributes_of(span: "Span | None", log_record: "LogRecord | None") -> Mapping[str, Any]:
    """The attributes of a call. A span that is not recorded has none."""
    return getattr(span, "attributes", None) or getattr(log_record, "attributes", None) or {}


def _kind_of(span: "Span | None") -> int:
    kind = getattr(getattr(span, "kind", None), "name", "CLIENT")
    return CLIENT_KIND if kind == "CLIENT" else _INTERNAL_KIND


def _error_of(span: "Span | None") -> str | None:
    status = getattr(span, "status", None)
    if status is None or getattr(status.status_code, "name", "") != "ERROR":
        return None
    return status.description or ""


def _timed(call: ModelCall, span: "Span | None") -> ModelCall:
    start_ns = getattr(span, "start_time", None)
    if start_ns is None:
        return call
    passed_ms = (time.time_ns() - start_ns) // 1_000_000
    return replace(
        call,
        started_at=moment(start_ns // 1000),
        latency_ms=max(0, passed_ms),
        metadata=_places(span),
    )


def _placed(call: ModelCall, attributes: Mapping[str, Any], span: "Span | None") -> ModelCall:
    """The call in its conversation."""
    at_start, current = attributes.get(CONVERSATION_ID), current_conversation()
    if isinstance(at_start, str) and at_start:
        return replace(call, conversation_id=at_start)
    if current is not None:  # what the application tells us goes before what it tells the library
        return replace(call, conversation_id=current.id, user_id=current.user_id or call.user_id)
    return replace(call, conversation_id=call.conversation_id or _places(span).get("trace_id"))


def _places(span: "Span | None") -> dict[str, str]:
    context = span.get_span_context() if span is not None else None
    if context is None or not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _leading(system_instruction: "Sequence[MessagePart] | None") -> list[CallMessage]:
    parts = [vars(part) for part in system_instruction or ()]
    return message_of({"role": "system", "parts": parts}) if parts else []


def _messages_in(message: "InputMessage | OutputMessage") -> list[CallMessage]:
    parts = message.parts
    if len(parts) == 1 and parts[0].type == "text":  # nearly all are, and long histories must cost little
        text = getattr(parts[0], "content", None)
        if isinstance(text, str):
            return [CallMessage(role_of(message.role), text)]
    # `dataclasses.asdict` would copy every text.
    return message_of({**vars(message), "parts": [vars(part) for part in parts]})
