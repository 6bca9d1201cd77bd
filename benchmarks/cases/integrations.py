"""What recording adds to a call of a model: processor time of the calling thread, in microseconds.

The model's server is a function in the process. The events go to Kafka. Each figure is the median over the
calls of a case, less that of the same calls unrecorded, which take turns with them.

- *new chat*: one question, one answer.
- *chat of 10 turns*: 20 messages of about 1 KB, of which the last two are new.
- *chat of 50 turns*: the same with 100 messages.
- *chat of 50 turns, unknown*: another process has recorded it, so all of its messages are sent again.
- *a stream of 200 chunks*: the whole call.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any, Final, Protocol

import httpx2
import openai
import plaudit_producers as plaudit
from langchain_openai import ChatOpenAI
from plaudit_producers import FeedbackProducer
from plaudit_producers.integrations.langchain import PlauditCallbackHandler
from plaudit_producers.integrations.openai import wrap

from benchmarks.report import Row, row
from benchmarks.stage import kafka_alone

TEXT: Final = "The parcel left our house this morning and will be with you tomorrow. " * 14
CALLS: Final = 60
CHUNKS: Final = 200

Call = Callable[[list[dict[str, str]]], object]


class Make(Protocol):
    """Makes a call, recorded if there is a producer."""

    def __call__(self, producer: FeedbackProducer | None, *, stream: bool) -> Call: ...


_numbers = count()


@dataclass(frozen=True)
class Case:
    """Calls that are alike.

    Attributes:
        messages: how many messages a call is given.
        known: whether all but the last two were recorded by a call before.
        stream: whether the answer is streamed.
    """

    name: str
    messages: int
    known: bool = True
    stream: bool = False


CASES: Final = (
    Case("new chat", 1),
    Case("chat of 10 turns", 19),
    Case("chat of 50 turns", 99),
    Case("chat of 50 turns, unknown", 99, known=False),
    Case(f"a stream of {CHUNKS} chunks", 1, stream=True),
)


def answer(request: httpx2.Request) -> httpx2.Response:
    """What the model's server answers."""
    body = json.loads(request.content)
    head = {"id": f"chatcmpl-{next(_numbers)}", "created": 0, "model": body["model"]}
    if not body.get("stream"):
        message = {"role": "assistant", "content": TEXT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        return httpx2.Response(
            200, json={**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        )
    return httpx2.Response(
        200, headers={"Content-Type": "text/event-stream"}, content=b"".join(_events(head))
    )


def _events(head: dict[str, Any]) -> Iterator[bytes]:
    for number in range(CHUNKS):
        last = number == CHUNKS - 1
        choice = {"index": 0, "delta": {"content": " word"}, "finish_reason": "stop" if last else None}
        chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
        yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def openai_call(producer: FeedbackProducer | None, *, stream: bool) -> Call:
    """A call by OpenAI's client."""
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client: Any = openai.OpenAI(api_key="k", base_url="http://model", http_client=http)
    if producer is not None:
        wrap(client, producer=producer)

    def call(messages: list[dict[str, str]]) -> None:
        result = client.chat.completions.create(model="m", messages=messages, stream=stream)
        if stream:
            for _ in result:
                pass

    return call


def langchain_call(producer: FeedbackProducer | None, *, stream: bool) -> Call:
    """A call by LangChain."""
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    made: dict[str, Any] = {"api_key": "k", "base_url": "http://model", "http_client": http}
    model = ChatOpenAI(model="m", **made)
    config: Any = {} if producer is None else {"callbacks": [PlauditCallbackHandler(producer)]}

    def call(messages: list[dict[str, str]]) -> None:
        if stream:
            for _ in model.stream(messages, config):
                pass
        else:
            model.invoke(messages, config)

    return call


def chat(messages: int) -> list[dict[str, str]]:
    """The messages of a chat that no other has."""
    mark = f"{next(_numbers)}: "
    return [
        {"role": "user" if at % 2 == 0 else "assistant", "content": mark + TEXT if at == 0 else TEXT}
        for at in range(messages)
    ]


def microseconds(call: Call, case: Case) -> float:
    """The processor time of one call."""
    messages = chat(case.messages)
    with plaudit.conversation():
        if case.known and case.messages > 1:
            call(messages[:-2])
        began = time.thread_time()
        call(messages)
        return (time.thread_time() - began) * 1e6


def added(make: Make, producer: FeedbackProducer, case: Case, calls: int) -> float:
    """What recording adds to a call, in microseconds."""
    plain, recorded = make(None, stream=case.stream), make(producer, stream=case.stream)
    took = [(microseconds(plain, case), microseconds(recorded, case)) for _ in range(calls)]
    producer.flush(60)
    return median(each[1] for each in took) - median(each[0] for each in took)


def measure(
    producer: FeedbackProducer, *, repetitions: int = 3, calls: int = CALLS
) -> dict[str, list[float]]:
    """What recording adds to a call of each case, in microseconds, one figure for each repetition."""
    return {
        f"{name}: {case.name}": [added(make, producer, case, calls) for _ in range(repetitions)]
        for name, make in (("OpenAI", openai_call), ("LangChain", langchain_call))
        for case in CASES
    }


def run(repetitions: int) -> list[Row]:
    """The rows of all cases."""
    with (
        kafka_alone("bench-integrations") as (settings, _),
        FeedbackProducer("bench", connection=settings) as producer,
    ):
        producer.conversation("warm").end()  # connects to Kafka, which is not measured
        assert producer.flush(60) == 0
        found = measure(producer, repetitions=repetitions)
        assert producer.stats().dropped == 0
    return [row(case, "us/call", values) for case, values in found.items()]
