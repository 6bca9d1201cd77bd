"""A record of LiteLLM, as its `generic_api` logger posts it."""

from typing import Any


def payload(**fields: Any) -> dict[str, Any]:
    """A `StandardLoggingPayload` of litellm 1.110, with the fields that matter here."""
    return {
        "id": "record-1",
        "litellm_call_id": "call-1",
        "trace_id": "trace-1",
        "session_id": "",
        "call_type": "acompletion",
        "status": "success",
        "stream": None,
        "custom_llm_provider": "openai",
        "startTime": 1748692800.0,
        "endTime": 1748692801.5,
        "completionStartTime": 1748692800.25,
        "model": "openai/gpt-4o",
        "model_group": "fast",
        "metadata": {},
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "response_cost": 0.000225,
        "request_tags": [],
        "end_user": None,
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
        "response": {
            "id": "chatcmpl-1",
            "model": "gpt-4o-2026-08-06",
            "choices": [
                {"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": "Hello"}}
            ],
        },
        "model_parameters": {},
        "error_str": None,
        "error_information": None,
        **fields,
    }
