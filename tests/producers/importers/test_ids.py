"""Ids follow from what is imported: what a second import of a changed file adds, changes and repeats."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import Chat, ImportOptions, Place, json_lines
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import Pace, replay_file
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import AddMessage, ConversationEvent, UpdateMessage

from tests.producers.importers.files import Outcome, import_file
from tests.producers.importers.test_shared_data import FILES
from tests.support.services import shared_data

ORIGINAL = Pace(times="original")


def chat(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    return {"messages": messages, **more}


def run(folder: Path, *records: Any, name: str = "openai-chat", **options: Any) -> Outcome:
    path = folder / "file.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return import_file(path, name, **options)


def ids(outcome: Outcome) -> set[str]:
    return {event.event_id for event in outcome.events}


def new_events(before: Outcome, after: Outcome) -> list[ConversationEvent]:
    """What the fold does not drop as a duplicate of the first import."""
    known = ids(before)
    return [event for event in after.events if event.event_id not in known]


def kinds(events: list[ConversationEvent]) -> list[str]:
    return [type(event.body).__name__ for event in events]


FILE = (chat("q", "a", label=True), chat("q2", "b"), chat("q", "c", "q3", "d", label=False))


def test_the_same_file_again_adds_nothing(tmp_path: Path) -> None:
    first = run(tmp_path, *FILE)
    assert len(ids(first)) == len(first.events)
    assert new_events(first, run(tmp_path, *FILE)) == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param((chat("new", "n"), *FILE), id="inserted at the top"),
        pytest.param((FILE[0], chat("new", "n"), *FILE[1:]), id="inserted in the middle"),
        pytest.param((FILE[0], chat("q", "another answer"), *FILE[1:]), id="inserted, with a known question"),
        pytest.param((*FILE, chat("q", "a", "goes on", "n")), id="appended, with a known beginning"),
    ],
)
def test_a_record_more_adds_its_own_events_alone(tmp_path: Path, changed: tuple[Any, ...]) -> None:
    first = run(tmp_path, *FILE)
    added = new_events(first, run(tmp_path, *changed))
    assert len({event.conversation_id for event in added}) == 1
    assert ids(first) <= ids(run(tmp_path, *changed))


def test_the_order_of_records_does_not_matter(tmp_path: Path) -> None:
    assert ids(run(tmp_path, *reversed(FILE))) == ids(run(tmp_path, *FILE))


@pytest.mark.parametrize("own", [{}, {"id": "chat-1"}], ids=["by its texts", "by its id"])
def test_one_label_more_is_one_event_more(tmp_path: Path, own: dict[str, Any]) -> None:
    before, after = run(tmp_path, chat("q", "a", **own)), run(tmp_path, chat("q", "a", label=False, **own))
    (added,) = new_events(before, after)
    assert isinstance(added.body, UpdateMessage)
    assert added.body.message_id == list(after.chats[0].messages)[-1]


def test_a_changed_label_is_the_same_feedback_with_another_value(tmp_path: Path) -> None:
    before, after = run(tmp_path, chat("q", "a", label=True)), run(tmp_path, chat("q", "a", label=False))
    (added,) = new_events(before, after)
    (former,), (latter,) = before.chats[0].feedback, after.chats[0].feedback
    assert added.body == latter
    assert former.feedback.id == latter.feedback.id
    # With sequences of one producer, the word of the first import would go on to hold.
    assert {event.sequence for event in after.events} == {None}


def test_another_consent_is_another_start_of_the_same_chats(tmp_path: Path) -> None:
    before, after = run(tmp_path, *FILE), run(tmp_path, *FILE, consent="granted", tags={"licence": "MIT"})
    added = new_events(before, after)
    assert kinds(added) == ["StartConversation"] * 3
    assert {event.conversation_id for event in before.events} == {e.conversation_id for e in after.events}


def test_the_same_chat_twice_in_a_file_is_two_chats(tmp_path: Path) -> None:
    liked, disliked = chat("q", "a", label=True), chat("q", "a", label=False)
    outcome = run(tmp_path, *[liked] * 9, disliked)
    assert len(outcome.chats) == 10
    assert len(ids(outcome)) == len(outcome.events)
    assert [len(one.feedback) for one in outcome.chats] == [1] * 10


def test_the_same_chat_in_two_files_is_one_chat(tmp_path: Path) -> None:
    first = run(tmp_path, *FILE)
    (tmp_path / "other").mkdir()
    second = run(tmp_path / "other", chat("other", "x"), FILE[1])
    assert {event.conversation_id for event in new_events(first, second)} == {
        second.chats[0].events[0].conversation_id
    }


def test_the_same_texts_of_two_users_are_two_chats_in_any_order(tmp_path: Path) -> None:
    one, two = chat("q", "a", user="u1", label=True), chat("q", "a", user="u2", label=False)
    first, second = run(tmp_path, one, two), run(tmp_path, two, one)
    assert len(first.chats) == 2
    assert ids(first) == ids(second)


def test_a_changed_text_under_an_id_is_a_conflict(tmp_path: Path) -> None:
    before = run(tmp_path, chat("q", "a", "more", "b", id="chat-1"))
    after = run(tmp_path, chat("q", "a2", "more", "b", id="chat-1"))
    (added,) = new_events(before, after)
    assert isinstance(added.body, AddMessage)
    assert added.body.content == "a2"
    assert added.body.message_id in before.chats[0].messages  # so the fold refuses it (test_replay, real)


def test_a_chat_with_an_id_that_has_grown_adds_its_new_turns(tmp_path: Path) -> None:
    before = run(tmp_path, chat("q", "a", id="chat-1"))
    after = run(tmp_path, chat("q", "a", "more", "b", id="chat-1"))
    assert kinds(new_events(before, after)) == ["AddMessage", "AddMessage", "EndConversation"]


def test_one_id_twice_in_a_file_is_said(tmp_path: Path) -> None:
    first, other = chat("q", "a", id="chat-1"), chat("q", "b", id="chat-1")
    outcome = run(tmp_path, first, first, other, report=tmp_path / "report")
    assert len(outcome.chats) == 1
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert [(line["line"], line["reason"][:27]) for line in lines] == [
        (2, "the same chat as on line 1:"),
        (3, "conflict: the same chat on "),
    ]
    assert outcome.report.noted == 2


def test_row_numbers_identify_no_chat(tmp_path: Path) -> None:
    one, two = run(tmp_path, chat("q", "a", id=1)), run(tmp_path, chat("r", "b", id=1))
    assert one.chats[0].events[0].conversation_id != two.chats[0].events[0].conversation_id
    named = [run(tmp_path, chat(text, "a", id=1), id_field="id") for text in "qr"]
    assert len({one.chats[0].events[0].conversation_id for one in named}) == 1


@pytest.mark.parametrize(
    ("name", "field"), [("topical-chat", "config"), ("halie", "worker_id"), ("hh-rlhf", "chosen")]
)
def test_a_named_field_is_found_in_every_kind_of_record(name: str, field: str) -> None:
    path, few = shared_data(FILES[name]), Pace(limit=3, times="original")
    named, own = (import_file(path, name, pace=few, id_field=one) for one in (field, None))
    assert named.report.bad == 0
    assert len(named.chats) <= len(own.chats) == 3
    assert {one.conversation_id for one in named.events}.isdisjoint(one.conversation_id for one in own.events)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(chat("q", "a"), "lacks 'key'", id="no such field"),
        pytest.param(chat("q", "a", key=""), "is empty", id="empty field"),
        pytest.param([1], "a record must be an object", id="no object"),
    ],
)
def test_a_record_without_the_named_id_is_refused(tmp_path: Path, record: Any, reason: str) -> None:
    outcome = run(tmp_path, chat("q", "a", key="k"), record, id_field="key")
    assert outcome.report.bad == 1
    assert reason in outcome.report.examples[0]
    assert len(outcome.chats) == 1


def test_a_corrected_ranking_changes_the_comparison_alone(tmp_path: Path) -> None:
    pair = {"instruction": "q", "output": ["good", "fair", "bad"]}
    before = run(tmp_path, pair, name="oasst")
    after = run(tmp_path, {**pair, "output": ["bad", "good", "fair"]}, name="oasst")
    assert kinds(new_events(before, after)) == ["CompareMessages"]
    assert before.chats[0].comparisons[0].comparison_id == after.chats[0].comparisons[0].comparison_id


def test_what_was_said_can_be_said_again(tmp_path: Path) -> None:
    first, again = run(tmp_path, *FILE), run(tmp_path, *FILE, again="2")
    assert ids(first).isdisjoint(ids(again))
    assert [list(one.messages) for one in first.chats] == [list(one.messages) for one in again.chats]
    assert ids(run(tmp_path, *FILE, again="2")) == ids(again)


def test_the_same_words_twice_in_a_chat_are_two_events() -> None:
    one = Chat(Place(1, 1), ImportOptions(), "f")
    for _ in range(2):
        one.comment(None, "fine")
    records = one.batch().records
    assert len({record["event_id"] for record in records}) == 3


def test_words_that_replace_each_other_keep_their_order() -> None:
    one = Chat(Place(1, 1), ImportOptions(), "f")
    answer = one.add_message("assistant", "a")
    for say in (one.like, one.dislike, one.like):
        say(answer)
        say(answer, aspect="tone", rater={"id": "r"})
    one.rate(answer, 5)
    records = one.batch().records
    numbered = [record for record in records if "sequence" in record]
    assert sorted(record["sequence"] for record in numbered) == list(range(6))
    assert len({record["producer"] for record in numbered}) == 1
    of_tone = [record["sequence"] for record in numbered if record["body"][1]["feedback"]["aspect"] == "tone"]
    assert of_tone == sorted(of_tone)
    assert {record["producer"] for record in records if record not in numbered} == {"import"}


def test_several_chats_of_one_record(tmp_path: Path) -> None:
    def build(first: Chat, record: Any) -> None:
        for thread in record["threads"]:
            one = first.another()
            one.identify(thread["id"])
            one.add_message("user", thread["text"])

    path = tmp_path / "threads"
    threads = [{"id": "a", "text": "x", "colour": "red"}, {"id": "b", "text": "y"}]
    path.write_text(json.dumps({"threads": threads}))
    producer, report = InMemoryProducer(), ImportReport(None)
    summary = replay_file(path, json_lines("threads", build), producer, report=report, pace=ORIGINAL)
    assert summary.records == 2
    assert len({event.conversation_id for event in producer.events}) == 2
    assert report.fields == {"threads[].colour": (1, 1)}
