"""The models of the chat endpoint for tests, and what they say. Pure."""

import json
from typing import Any, Final

from tests.support.chat_endpoint_bodies import Json, Said, pieces

MODELS: Final = {
    "echo": "says what the user said: `You said: ...`; max_tokens cuts it",
    "answerer-2": "as echo; the model of our examples",
    "counting": "`Answer 1 to: ...`, `Answer 2 to: ...`: never the same twice",
    "thinking": "as echo, with reasoning before the answer",
    "tools": "calls the first tool it was given, and after the tool's answer says `The tool said: ...`",
    "refusing": "refuses in a `refusal`",
    "empty": "answers with an empty text",
    "held": "as echo, but each piece waits for `endpoint.release()`",
    "stalled": "sends two pieces, then nothing, and keeps the connection",
    "silent": "sends nothing at all, and keeps the connection",
    "cut": "sends two pieces, then breaks the connection",
    "stops-early": "sends two pieces, then ends the stream properly without a reason or [DONE]",
    "error-in-stream": "sends two pieces, then an error object; plain calls get status 500",
    "no-json": "answers with HTML and status 200",
    "bad-json": "a stream sends two pieces, then JSON that is cut off; plain calls get JSON that is cut off",
    "bad-key": "401",
    "forbidden": "403",
    "rate-limited": "429 with Retry-After: 7",
    "broken": "500",
    "overloaded": "503",
}
RETRY_AFTER_S: Final = 7
REFUSALS: Final = {
    "bad-key": (401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "forbidden": (403, "You may not use this model.", "permission_error", "model_not_allowed"),
    "rate-limited": (429, "Rate limit reached.", "rate_limit_error", "rate_limit_exceeded"),
    "broken": (500, "The server had an error.", "server_error", None),
    "overloaded": (503, "The engine is overloaded.", "server_error", "overloaded"),
}


def said_by(model: str, body: Json, prompt: str, number: int) -> Said:
    """What a model answers to a request's body."""
    if model == "tools":
        return _with_tools(body)
    if model == "refusing":
        return Said(refusal="I cannot help with that.")
    if model == "empty":
        return Said()
    if schema := _asked_schema(body):
        return Said(json.dumps(_example(schema)))
    text = f"Answer {number} to: {prompt}" if model == "counting" else f"You said: {prompt}"
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or body.get("max_output_tokens")
    if limit and len(pieces(text)) > limit:
        return Said("".join(pieces(text)[:limit]), finish="length")
    return Said(text, reasoning="The user said something." if model == "thinking" else "")


def _with_tools(body: Json) -> Said:
    given = body.get("messages") or body.get("input") or []
    last = given[-1] if isinstance(given, list) and given else {}
    if last.get("role") == "tool" or last.get("type") == "function_call_output":
        return Said(f"The tool said: {last.get('content', last.get('output'))}")
    tools: list[Json] = body.get("tools") or [{"name": "look_up"}]
    tool = tools[0]
    name = tool.get("function", tool)["name"]
    return Said(calls=(("call_1", name, '{"city": "Oslo"}'),), finish="tool_calls")


def _asked_schema(body: Json) -> Json | None:
    text: Json = body.get("text") or {}
    form: Json = body.get("response_format") or text.get("format") or {}
    return form.get("json_schema", form).get("schema") if form.get("type") == "json_schema" else None


def _example(schema: Json) -> Any:
    values = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "array": []}
    if schema.get("type") == "object":
        return {name: _example(part) for name, part in schema.get("properties", {}).items()}
    return values.get(schema.get("type", "string"))
