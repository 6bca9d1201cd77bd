"""What the page shows of a chat: pure."""

import html
import json

import pytest
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.page.view import (
    about_html,
    log_messages,
    log_value,
    marks,
    note_of,
    notice_html,
    pair_heading,
    revealed_text,
    shown_ids,
    thumbs,
    uncompared_text,
)
from plaudit_producers.chat.side_by_side import SideBySide
from plaudit_producers.chat.transcript import JudgementSlot, Transcript, TranscriptMessage

NAMES = {"a": "Model A", "b": "Model <B>"}


def chat() -> tuple[Transcript, TranscriptMessage, TranscriptMessage]:
    """A system prompt, a question and its answer."""
    transcript = Transcript()
    system = transcript.add(TranscriptMessage("system", "Be brief."))
    question = transcript.add(TranscriptMessage("user", '  a "question"\n', system.id))
    answer = transcript.add(TranscriptMessage("assistant", "an answer", question.id, model_key="a"))
    return transcript, question, answer


def answer_beside(transcript: Transcript, answer: TranscriptMessage) -> TranscriptMessage:
    return transcript.add(TranscriptMessage("assistant", "another", answer.parent_id, model_key="b"))


def test_the_log_holds_texts_as_they_are_and_no_system_prompt() -> None:
    transcript, question, answer = chat()
    first, second = log_value(log_messages(transcript, None))
    assert first == {
        "role": "user",
        "content": [{"type": "text", "text": '  a "question"\n'}],
        "metadata": {"id": question.id},
    }
    assert (second["role"], second["metadata"]["id"]) == ("assistant", answer.id)


def test_an_answer_without_words_yet_is_three_dots() -> None:
    [shown] = log_value([TranscriptMessage("assistant", "", status="partial")])
    assert shown["content"][0]["text"] == "…"


def test_thumbs_are_counted_by_answer() -> None:
    transcript, question, answer = chat()
    later = transcript.add(TranscriptMessage("user", "more", answer.id))
    last = transcript.add(TranscriptMessage("assistant", "yes", later.id))
    transcript.put(JudgementSlot(question.id, "satisfaction", "thumb"), True)
    transcript.put(JudgementSlot(last.id, "satisfaction", "thumb"), False)
    assert thumbs(transcript, log_messages(transcript, None)) == [None, "Dislike"]
    transcript.put(JudgementSlot(answer.id, "satisfaction", "thumb"), True)
    assert thumbs(transcript, log_messages(transcript, None)) == ["Like", "Dislike"]


def test_answers_side_by_side_are_not_in_the_log_until_the_vote() -> None:
    transcript, question, answer = chat()
    other = answer_beside(transcript, answer)
    pair = SideBySide(answer.id, other.id)
    assert [one.id for one in log_messages(transcript, pair)] == [question.id]
    assert revealed_text(transcript, pair, NAMES) == ""
    pair.preference = "right"
    assert [one.id for one in log_messages(transcript, pair)] == [question.id, other.id]
    assert revealed_text(transcript, pair, NAMES) == "Answer A was from Model A, answer B from Model <B>."


def test_two_answers_say_why_one_is_not_whole() -> None:
    transcript, _, answer = chat()
    other = answer_beside(transcript, answer)
    pair = SideBySide(answer.id, other.id)
    assert pair_heading(transcript, pair, busy=True) == "<h3>Both answers are being written …</h3>"
    other.status, other.error = "cut", "The <answer> broke off."
    found = pair_heading(transcript, pair, busy=False)
    assert "Which answer is better?" in found
    assert "Answer B: The &lt;answer&gt; broke off." in found
    assert "Answer A" not in found


def test_the_notice_says_why_two_answers_are_not_compared() -> None:
    transcript, _, answer = chat()
    other = answer_beside(transcript, answer)
    pair = SideBySide(answer.id, other.id)
    assert uncompared_text(transcript, None) is None
    assert uncompared_text(transcript, pair) is None
    pair.closed = True
    assert uncompared_text(transcript, pair) is None  # the chat went on without a vote
    other.content, other.error = "", "The model is busy."
    found = uncompared_text(transcript, pair)
    assert found == "The other answer has no words, so there is nothing to compare. The model is busy."
    answer.content = " "
    assert uncompared_text(transcript, pair) == "Neither answer has words, so there is nothing to compare."


def test_marks_come_back_as_ids() -> None:
    transcript, question, answer = chat()
    transcript.put(JudgementSlot(answer.id, "satisfaction", "thumb"), True)
    messages = log_messages(transcript, None)
    text = marks(transcript, messages, answer.id, NAMES, drawn=7)
    assert shown_ids(text) == [question.id, answer.id]
    facts = json.loads(html.unescape(text.split('data-shown="')[1].split('"')[0]))
    assert [fact["selected"] for fact in facts] == [False, True]
    assert [fact["thumb"] for fact in facts] == [None, "Like"]
    assert 'data-consent="unspecified"' in text


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nothing",
        '<span data-shown="',
        '<span data-shown="{}">',
        '<span data-shown="[1]">',
        '<span data-shown="[{]">',
    ],
    ids=["empty", "no-mark", "cut-off", "no-list", "no-objects", "no-json"],
)
def test_other_texts_hold_no_ids(given: str) -> None:
    assert shown_ids(given) == []


@pytest.mark.parametrize(
    ("status", "error", "note"),
    [
        ("complete", None, "Model A"),
        ("cut", None, "Stopped here · Model A"),
        ("cut", "The endpoint broke off.", "The endpoint broke off. · Model A"),
        ("error", "The key is wrong.", "The key is wrong. · Model A"),
    ],
    ids=["whole", "stopped", "broken-off", "failed"],
)
def test_the_note_says_what_happened_and_who_wrote(status: str, error: str | None, note: str) -> None:
    transcript, _, answer = chat()
    answer.status, answer.error = status, error  # type: ignore[assignment]  # from a table
    assert note_of(transcript, answer, NAMES) == note


def test_the_note_names_the_version_and_a_correction_but_not_the_only_model() -> None:
    transcript, _, answer = chat()
    assert note_of(transcript, answer, {"a": "Model A"}) == ""
    answer_beside(transcript, answer)
    transcript.put(JudgementSlot(answer.id, "accuracy", "correction"), "better")
    assert note_of(transcript, answer, {"a": "Model A"}) == "1 of 2 · corrected by you"


def test_texts_of_people_and_models_are_no_html() -> None:
    message = TranscriptMessage("assistant", "<script>" + "x " * 100)
    assert "<script>" not in about_html(message)
    assert about_html(message).endswith("…</q>")
    assert "<b>" not in notice_html("<b>", "")
    assert 'role="alert"' in notice_html("wrong", "a hint")
    assert notice_html(None, "") == ""


def test_a_tab_looks_at_the_last_answer_unless_another_message_was_clicked() -> None:
    transcript, question, answer = chat()
    messages = log_messages(transcript, None)
    tab = TabState()
    assert tab.selected(messages) is answer
    tab.selected_id = question.id
    assert tab.selected(messages) is question
    tab.disliked_id = answer.id
    tab.forget_missing(Transcript())
    assert tab == TabState()
    assert tab.selected([]) is None


def test_another_answer_is_to_the_clicked_answer_or_to_the_end_of_the_chat() -> None:
    transcript, question, answer = chat()
    again = transcript.add(TranscriptMessage("user", "and?", answer.id))
    messages = log_messages(transcript, None)
    assert TabState().to_answer_again(messages) == again.id  # nobody has answered it
    assert TabState(selected_id=question.id).to_answer_again(messages) == again.id
    assert TabState(selected_id=answer.id).to_answer_again(messages) == answer.id
    last = transcript.add(TranscriptMessage("assistant", "that", again.id))
    assert TabState().to_answer_again(log_messages(transcript, None)) == last.id
    assert TabState(selected_id="gone").to_answer_again([]) is None


def test_a_tab_goes_on_with_the_chat_unless_there_was_a_problem() -> None:
    tab = TabState(selected_id="a", disliked_id="b")
    tab.go_on("Write something first.")
    assert (tab.selected_id, tab.disliked_id) == ("a", "b")
    tab.go_on(None)
    assert (tab.selected_id, tab.disliked_id) == (None, None)
