"""All 539 real chats of topical_chat as events: state and satisfaction against a reading of their file."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_stream_processors.metrics.figures import figures, summed

from tests.support.line import Line
from tests.support.services import shared_data

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

RATING = {"Excellent": 5, "Good": 4, "Passable": 3, "Not Good": 2, "Poor": 1}


def _events(chats: dict[str, Any], start_us: int) -> Iterator[tuple[bytes, bytes]]:
    encoder = Encoder("conversation_event")
    for chat_id, chat in chats.items():
        bodies: list[tuple[str, dict[str, Any]]] = [("StartConversation", {"model": {"id": "topical"}})]
        for number, turn in enumerate(chat["content"]):
            role = "user" if turn["agent"] == "agent_1" else "assistant"
            bodies.append(
                ("AddMessage", {"message_id": f"m{number}", "role": role, "content": turn["message"]})
            )
            if turn["turn_rating"]:
                value = {"number": float(RATING[turn["turn_rating"]]), "minimum": 1.0, "maximum": 5.0}
                feedback = {
                    "id": f"f{number}", "rater": {"id": None, "kind": "user"}, "aspect": "satisfaction",
                    "kind": "number", "value": ("plaudit.v1.Number", value),
                }  # fmt: skip
                bodies.append(("UpdateMessage", {"message_id": f"m{number}", "feedback": feedback}))
        bodies.append(("EndConversation", {"reason": "closed"}))
        for number, (name, body) in enumerate(bodies):
            record = {
                "event_id": f"{chat_id}-{number}", "application": "topical", "conversation_id": chat_id,
                "occurred_at": start_us + number, "source": "import", "body": (f"plaudit.v1.{name}", body),
            }  # fmt: skip
            yield conversation_key("topical", chat_id), encoder.encode(record)


@pytest.mark.slow
def test_real_chats_equal_their_file(line: Callable[..., Line]) -> None:
    chats = json.loads(shared_data("topical_chat/test_freq.json").read_text(encoding="utf-8"))
    assert len(chats) == 539
    one = line()
    one.send(_events(chats, time.time_ns() // 1000))
    one.start_worker()
    one.wait_folded()
    recounted = one.check_exact()
    assert len(recounted.finished) == 539
    rated, assistant = 0, []
    for partition, states in recounted.states.items():
        for key, state in asyncio.run(one._load(partition, list(states))).items():
            chat = chats[key.removeprefix("topical/")]["content"]
            assert [message["content"] for message in state.messages.values()] == [
                turn["message"] for turn in chat
            ]
            given = {
                slot["message_id"]: slot["feedback"]["value"][1]["number"] for slot in state.feedback.values()
            }
            expected = {
                f"m{n}": RATING[turn["turn_rating"]] for n, turn in enumerate(chat) if turn["turn_rating"]
            }
            assert given == expected
            rated += len(given)
            assistant += [
                RATING[turn["turn_rating"]]
                for turn in chat
                if turn["turn_rating"] and turn["agent"] == "agent_2"
            ]
    assert rated == 11_648
    buckets = [
        cells for found in recounted.buckets.values() for name, cells in found.items() if name[:3] == "10m"
    ]
    (counts,) = summed(buckets).values()
    satisfaction = next(figure for figure in figures(counts) if figure.name == "satisfaction")
    assert satisfaction.estimate.count == len(assistant)
    assert satisfaction.estimate.value == pytest.approx(sum(assistant) / len(assistant), abs=1e-12)
    assert satisfaction.estimate.voters > 500
