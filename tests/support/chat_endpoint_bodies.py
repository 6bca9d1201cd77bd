"""What the chat endpoint for tests sends: the bodies of chat completions, of responses, and of TGI. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer, whatever the API.

    Attributes:
        calls: tool calls: id, name, arguments as JSON.
        finish: why the answer ends, in the words of chat completions.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    finish: str = "stop"


def pieces(text: str) -> list[str]:
    """The words of a text, each with the white space before it. Joined, they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)


def completion(call_id: str, model: str, answers: list[Said], tokens: int) -> Json:
    """The body of a plain chat completion."""
    choices = [
        {"index": index, "message": _message(said), "finish_reason": said.finish, "logprobs": None}
        for index, said in enumerate(answers)
    ]
    return {**_head(call_id, model, "chat.completion"), "choices": choices, "usage": _usage(answers, tokens)}


def completion_chunks(
    call_id: str, model: str, answers: list[Said], tokens: int, *, usage: bool
) -> Iterator[Json]:
    """The chunks of a streamed chat completion. Those of several answers take turns."""
    head = _head(call_id, model, "chat.completion.chunk")
    streams = [_deltas(said) for said in answers]
    for turn in range(max(map(len, streams), default=0)):
        for index, stream in enumerate(streams):
            if turn < len(stream):
                yield {**head, "choices": [{"index": index, "delta": stream[turn], "finish_reason": None}]}
    for index, said in enumerate(answers):
        yield {**head, "choices": [{"index": index, "delta": {}, "finish_reason": said.finish}]}
    if usage:
        yield {**head, "choices": [], "usage": _usage(answers, tokens)}


def _deltas(said: Said) -> list[Json]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in pieces(said.reasoning)]
    deltas += [{"refusal": piece} for piece in pieces(said.refusal)]
    deltas += [{"content": piece} for piece in pieces(said.text)]
    for index, (call_id, name, arguments) in enumerate(said.calls):
        function = {"name": name, "arguments": ""}
        deltas.append({"tool_calls": [_call(call_id, function) | {"index": index}]})
        # The arguments come in parts that are no JSON by themselves, as from the real servers.
        for part in (arguments[:5], arguments[5:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    return deltas


def _message(said: Said) -> Json:
    message: Json = {"role": "assistant", "content": None if said.calls or said.refusal else said.text}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    if said.refusal:
        message["refusal"] = said.refusal
    if said.calls:
        message["tool_calls"] = [
            _call(call_id, {"name": name, "arguments": arguments}) for call_id, name, arguments in said.calls
        ]
    return message


def _call(call_id: str, function: Json) -> Json:
    return {"id": call_id, "type": "function", "function": function}


def _head(call_id: str, model: str, kind: str) -> Json:
    return {"id": call_id, "object": kind, "created": 1_760_000_000, "model": model}


def _usage(answers: list[Said], tokens: int) -> Json:
    made = sum(len(pieces(said.text)) for said in answers)
    return {"prompt_tokens": tokens, "completion_tokens": made, "total_tokens": tokens + made}


def response(call_id: str, model: str, said: Said, tokens: int, previous: str | None) -> Json:
    """The body of the responses API."""
    made = len(pieces(said.text))
    done = said.finish != "length"
    return {
        "id": call_id,
        "object": "response",
        "created_at": 1_760_000_000,
        "status": "completed" if done else "incomplete",
        "error": None,
        "incomplete_details": None if done else {"reason": "max_output_tokens"},
        "model": model,
        "output": _items(call_id, said),
        "parallel_tool_calls": True,
        "previous_response_id": previous,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens + made,
        },
    }


def response_events(
    call_id: str, model: str, said: Said, tokens: int, previous: str | None
) -> Iterator[Json]:
    """The events of a streamed response."""
    whole = response(call_id, model, said, tokens, previous)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    for number, event in enumerate(_response_events(whole, begun, said)):
        yield {**event, "sequence_number": number}


def _response_events(whole: Json, begun: Json, said: Said) -> Iterator[Json]:
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        yield from _item_events(item, index)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    last = "response.incomplete" if said.finish == "length" else "response.completed"
    yield {"type": last, "response": whole}


def _begun(item: Json) -> Json:
    empty: Json = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return (
        {**item, **empty, "status": "in_progress"} if item["type"] != "reasoning" else {**item, "summary": []}
    )


def _item_events(item: Json, index: int) -> Iterator[Json]:
    at = {"item_id": item["id"], "output_index": index}
    if item["type"] == "function_call":
        for part in (item["arguments"][:5], item["arguments"][5:]):
            yield {"type": "response.function_call_arguments.delta", **at, "delta": part}
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield {"type": "response.function_call_arguments.done", **at, **done}
        return
    kind, texts = (
        ("reasoning_summary_text", "summary") if item["type"] == "reasoning" else ("output_text", "content")
    )
    for number, part in enumerate(item[texts]):
        where = {**at, "summary_index" if texts == "summary" else "content_index": number}
        kind = "refusal" if part["type"] == "refusal" else kind
        text = part["refusal"] if kind == "refusal" else part["text"]
        added = {"part": {**part, "refusal" if kind == "refusal" else "text": ""}}
        scope = "reasoning_summary_part" if texts == "summary" else "content_part"
        yield {"type": f"response.{scope}.added", **where, **added}
        extra: Json = {"logprobs": []} if kind == "output_text" else {}
        for piece in pieces(text):
            yield {"type": f"response.{kind}.delta", **where, "delta": piece, **extra}
        yield {
            "type": f"response.{kind}.done",
            **where,
            "refusal" if kind == "refusal" else "text": text,
            **extra,
        }
        yield {"type": f"response.{scope}.done", **where, "part": part}


def _items(call_id: str, said: Said) -> list[Json]:
    items: list[Json] = []
    if said.reasoning:
        summary = [{"type": "summary_text", "text": said.reasoning}]
        items.append({"id": f"rs_{call_id}", "type": "reasoning", "summary": summary})
    content: list[Json] = []
    if said.refusal:
        content.append({"type": "refusal", "refusal": said.refusal})
    elif said.text or not said.calls:
        content.append({"type": "output_text", "text": said.text, "annotations": [], "logprobs": []})
    status = "incomplete" if said.finish == "length" else "completed"
    if content:
        item = {"id": f"msg_{call_id}", "type": "message", "role": "assistant", "status": status}
        items.append({**item, "content": content})
    for tool_id, name, arguments in said.calls:
        call = {"call_id": tool_id, "name": name, "arguments": arguments, "status": "completed"}
        items.append({"id": f"fc_{tool_id}", "type": "function_call", **call})
    return items


def generated(said: Said, tokens: int) -> Json:
    """The body of TGI's `/generate`."""
    reason = "length" if said.finish == "length" else "eos_token"
    details = {"finish_reason": reason, "generated_tokens": len(pieces(said.text)), "seed": None}
    prefill = [{"id": number, "text": "", "logprob": None} for number in range(tokens)]
    return {"generated_text": said.text, "details": {**details, "prefill": prefill, "tokens": []}}


def generated_lines(said: Said, tokens: int) -> Iterator[Json]:
    """The lines of TGI's `/generate_stream`. The last has the whole text."""
    parts = pieces(said.text) or [""]
    for number, part in enumerate(parts, 1):
        token = {"id": number, "text": part, "logprob": -0.5, "special": False}
        line: Json = {"index": number, "token": token, "generated_text": None, "details": None}
        if number == len(parts):
            details = {
                key: value for key, value in generated(said, tokens)["details"].items() if key != "tokens"
            }
            line |= {"generated_text": said.text, "details": {**details, "input_length": tokens}}
        yield line


def problem(message: str, kind: str, code: str | None) -> Json:
    """An error as OpenAI-compatible servers send it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def sse(body: Json, *, named: bool) -> bytes:
    """One server-sent event. The responses API also names each event's type in a line of its own."""
    name = f"event: {body['type']}\n" if named else ""
    return f"{name}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def speaks(event: Json) -> bool:
    """Whether an event of a stream has a part of what the model says."""
    if "token" in event:
        return True
    if "type" in event:
        return str(event["type"]).endswith(".delta")
    return any(
        value for choice in event["choices"] for name, value in choice["delta"].items() if name != "role"
    )


def last_text(messages: list[Json]) -> str:
    """The last text of the user."""
    said = [message for message in messages if message.get("role") == "user"]
    content = said[-1]["content"] if said else ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def tokens(given: Any) -> int:
    """How many tokens a request has; here, words."""
    return len(pieces(json.dumps(given)))
