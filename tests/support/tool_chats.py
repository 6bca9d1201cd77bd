"""Finished conversations whose assistant calls tools, in all the shapes that people send, and plain ones."""

import json
from typing import Any

from tests.support.finished import Record, comparison, finished, like, message

ROOM = "cellar-7"
"""A word in the arguments of every call, to look for in what a chat template shows."""
DIM = {
    "name": "dim_light",
    "description": "Dims a light.",
    "parameters": {
        "type": "object",
        "properties": {
            "room": {"type": "string", "description": "The room."},
            "percent": {"type": "integer", "description": "How bright."},
        },
        "required": ["room"],
    },
}
TOOLS = json.dumps([{"type": "function", "function": DIM}])
BARE_TOOLS = json.dumps([DIM])


def call(call_id: str = "call00001", **arguments: Any) -> Record:
    """A call of the tool, with the arguments as text, as models write them."""
    return {
        "id": call_id,
        "name": "dim_light",
        "arguments": json.dumps({"room": ROOM, **arguments}, ensure_ascii=False),
    }


def calling(message_id: str, *calls: Record, **more: Any) -> Record:
    """A turn of the assistant that calls and says nothing."""
    return message(message_id, **{"content": "", "tool_calls": list(calls), **more})


def tool_answer(message_id: str, call_id: str | None = "call00001", **more: Any) -> Record:
    return message(message_id, "tool", tool_call_id=call_id, **more)


def judged(number: int, *messages: Record, good: str, bad: str, tools: str | None = TOOLS) -> Record:
    """A conversation of a user of its own, with a liked and a disliked answer that were compared too."""
    return finished(
        *messages,
        feedback=[like(good), like(bad, False)],
        comparisons=[comparison([[good], [bad]])],
        offset=number,
        user_id=f"user-{number}",
        tools=tools,
    )


def answered(number: int, *calls: Record, tools: str | None = TOOLS, **said: Any) -> Record:
    """A question, a turn with calls, the tools' answers, and two last answers, of which one is better."""
    question = message("q", "user", content=f"dim it, please ({number})")
    asking = calling("call", *calls, **said)
    turns = [tool_answer(f"t{at}", each["id"] or None) for at, each in enumerate(calls)]
    last = turns[-1]["message_id"]
    good = message("good", parent_id=last, content=f"Dimmed {number} times.")
    bad = message("bad", parent_id=last, content="No.")
    return judged(number, question, asking, *turns, good, bad, good="good", bad="bad", tools=tools)


def chosen_call(number: int) -> Record:
    """A better and a worse call to one question."""
    return judged(
        number,
        message("q", "user", content=f"which room? ({number})"),
        calling("good", call(percent=number), parent_id="q"),
        calling("bad", call(percent=100 + number), parent_id="q"),
        good="good",
        bad="bad",
    )


def uncalled(number: int, tools: str | None = TOOLS) -> Record:
    """A chat in which nobody calls a tool; a plain one if none are on offer."""
    return judged(
        number,
        message("q", "user", content=f"who are you? ({number})"),
        message("good", parent_id="q", content="A lamp."),
        message("bad", parent_id="q", content="Guess."),
        good="good",
        bad="bad",
        tools=tools,
    )


def one_call_at_a_time(first: int, end: int) -> list[Record]:
    """Conversations that every chat template for tools takes."""
    makers = (
        lambda number: answered(number, call(percent=number)),
        chosen_call,
        lambda number: answered(number, call(), content="I look at the room first."),
        lambda number: answered(number, call("", percent=1), tools=BARE_TOOLS),
        lambda number: answered(
            number, call(deep={"list": [1, 0.5, {"x": []}], "quote": 'say "ä"\n'}, yes=True)
        ),
        uncalled,
    )
    return [makers[number % len(makers)](number) for number in range(first, end)]


def two_calls_at_once(number: int) -> Record:
    """A turn with two calls, which Llama's templates refuse."""
    return answered(number, call("call00001", percent=1), call("call00002", percent=2))
