"""A chat that the processes of a server record in turns, and a vote by the message's id from another one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_producers.integrations.producers import recorder_of
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.topics import DEAD_LETTERS, FINISHED

from harness.environ import environ_with
from tests.support.line import Line
from tests.support.model_calls import call, chat
from tests.support.sinks import Sinks
from tests.support.training import training_rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

TURNS = ["u: Where is it?", "a: On its way.", "u: Since when?", "a: Monday.", "u: Thanks", "a: Gladly."]
VOTE = """
import sys
from plaudit_producers import FeedbackProducer
with FeedbackProducer("shop") as producer:
    producer.message(sys.argv[1]).like()
    assert producer.flush(60) == 0
"""


def test_turns_of_several_processes_are_one_chat_and_a_vote_finds_its_message(
    line: Callable[..., Line], sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=1)
    answers = []
    with (
        FeedbackProducer("shop", connection=one.connection) as first,
        FeedbackProducer("shop", connection=one.connection) as second,
    ):
        for at in range(0, len(TURNS), 2):
            # Both record the last turn, as a hook and a wrapped client do. The instructions have the time.
            for producer in (first, second) if at == 4 else ((first, second)[at // 2],):
                seen = call(
                    chat(f"s: Help. It is 19:0{at}.", *TURNS[: at + 1]), TURNS[at + 1][3:], consent="granted"
                )
                answers += recorder_of(producer).record(seen)
                assert producer.flush(60) == 0
        assert answers[2] == answers[3]
        environ = environ_with(bootstrap_servers=one.kafka, topic_prefix=one.connection.topic_prefix)
        subprocess.run([sys.executable, "-c", VOTE, answers[1]], env=environ, check=True, timeout=120)
        first.conversation("c1").end()
        assert first.flush(60) == 0
    one.start_worker()
    one.wait_folded()
    (record,) = one.read(FINISHED)
    finished = Decoder("finished_conversation").decode(record.value or b"")
    assert [message["content"] for message in finished["messages"]] == [
        "Help. It is 19:00.",
        *[text[3:] for text in TURNS],
    ]
    assert [message["message_id"] for message in finished["messages"]][2::2] == answers[:3]
    assert list(one.read(DEAD_LETTERS)) == []
    one.check_exact()
    sinks(one).once()
    (row,) = training_rows(tmp_path / "out", tmp_path / "snapshot", "sft")
    assert [message["content"] for message in (*row["prompt"], *row["completion"])] == [
        "Help. It is 19:00.",
        *[text[3:] for text in TURNS[:4]],
    ]
