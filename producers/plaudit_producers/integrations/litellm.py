"""Records the calls that LiteLLM makes, in a program or in its proxy.

import litellm
from plaudit_producers.integrations.litellm import LiteLLMLogger

litellm.callbacks = [LiteLLMLogger()]

The proxy takes `callbacks: plaudit_producers.integrations.litellm.proxy_logger` in its `litellm_settings`.
"""

from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final

from plaudit_schemas.errors import SettingsError

from plaudit_producers.integrations.current import CurrentConversation, current_conversation
from plaudit_producers.integrations.guard import guarded
from plaudit_producers.integrations.recording import record_call
from plaudit_producers.model_calls.litellm_payloads import call_of_payload
from plaudit_producers.sdk.producer import FeedbackProducer

try:
    from litellm.integrations.custom_logger import CustomLogger
except ImportError as error:
    raise SettingsError("recording LiteLLM's calls needs LiteLLM: pip install litellm") from error

_MOST_CALLS: Final = 10_000  # under way; bounds the memory if the end of some is never told


class LiteLLMLogger(CustomLogger):
    """A callback of LiteLLM: the calls of its host are recorded in the current conversation.

    Without one they are recorded in the session that the call names (`litellm_session_id`, or `session_id` in
    its metadata), else in one for each request. LiteLLM calls it after the answer, in the background.

    Args:
        producer: by default the shared one of this process.
    """

    def __init__(self, producer: FeedbackProducer | None = None) -> None:
        super().__init__()
        self._producer = producer
        self._called: OrderedDict[str, CurrentConversation] = OrderedDict()

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:  # noqa: ARG002  # as LiteLLM's
        """Note in which conversation a call is made: a blocking stream ends in a thread that has none."""
        with guarded("litellm: noting a call"):
            current, call_id = current_conversation(), kwargs.get("litellm_call_id")
            if current is not None and isinstance(call_id, str):
                self._called[call_id] = current
                while len(self._called) > _MOST_CALLS:
                    self._called.popitem(last=False)

    def log_success_event(self, kwargs: Any, *_others: Any, **_more: Any) -> None:
        """Record a call of `completion`."""
        self._record(kwargs)

    def log_failure_event(self, kwargs: Any, *_others: Any, **_more: Any) -> None:
        """Record a call of `completion` that failed."""
        self._record(kwargs)

    async def async_log_success_event(self, kwargs: Any, *_others: Any, **_more: Any) -> None:
        """Record a call of `acompletion`, or of the proxy."""
        self._record(kwargs)

    async def async_log_failure_event(self, kwargs: Any, *_others: Any, **_more: Any) -> None:
        """Record a call of `acompletion`, or of the proxy, that failed."""
        self._record(kwargs)

    @guarded("litellm: recording a call")
    def _record(self, kwargs: Any) -> None:
        payload = kwargs.get("standard_logging_object")
        call = None if payload is None else call_of_payload(payload)
        if call is None:
            return
        called = self._called.pop(str(payload.get("litellm_call_id")), None)
        # Where the call was made. What is current here may be that of another call, whose task this is.
        current = called or current_conversation()
        if current is not None:
            call = replace(call, conversation_id=current.id)
        record_call(call, self._producer, current)


proxy_logger = LiteLLMLogger()
"""The instance that the configuration of LiteLLM's proxy names."""
