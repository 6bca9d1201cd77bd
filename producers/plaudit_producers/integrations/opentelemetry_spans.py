"""Writes the current conversation on the spans of model calls, at their start."""

from plaudit_schemas.errors import SettingsError

from plaudit_producers.integrations.current import current_conversation
from plaudit_producers.integrations.guard import guarded
from plaudit_producers.model_calls.genai_attributes import CONVERSATION_ID, GENAI_CONVERSATION_ID, OPERATION

try:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span, SpanProcessor
except ImportError as error:
    raise SettingsError(
        "writing conversations on spans needs OpenTelemetry's SDK: pip install "
        "'plaudit-producers[opentelemetry]'"
    ) from error


class ConversationSpanProcessor(SpanProcessor):
    """Add it to a TracerProvider, so that spans name the conversation in which their call began.

    Then a stream may be read after the block that began it, exported spans say which conversation they belong
    to, and the gateway's OTLP receiver puts them there.
    """

    @guarded("opentelemetry: naming the conversation of a span")
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # the SDK's
        """Name the conversation, if the span is of a model."""
        current = current_conversation()
        attributes = span.attributes or {}
        if current is None or OPERATION not in attributes:
            return
        span.set_attribute(CONVERSATION_ID, current.id)
        if GENAI_CONVERSATION_ID not in attributes:
            span.set_attribute(GENAI_CONVERSATION_ID, current.id)
