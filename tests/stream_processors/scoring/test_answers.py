"""Which records ask for a score."""

import pytest
from plaudit_schemas.errors import TruncatedError
from plaudit_schemas.settings import load
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.scoring.answers import NewAnswer, Skips, answers_of, in_sample, messages_of
from plaudit_stream_processors.scoring.overtaken import OvertakenMessages
from plaudit_stream_processors.scoring.selection import AnswerSelection
from plaudit_stream_processors.scoring.settings import ScorerSettings

from tests.stream_processors.scoring.builders import KEY, PARTITION, PARTITIONS, answer, message, record

RULES = Rules(partitions=PARTITIONS)


def selection(
    overtaken: OvertakenMessages | None = None, now_s: float = 0.0, **settings: str
) -> AnswerSelection:
    environ = {f"PLAUDIT_SCORER_{name.upper()}": value for name, value in settings.items()}
    given = load(ScorerSettings, environ=environ)
    return AnswerSelection(given, overtaken or OvertakenMessages(), PARTITIONS, clock=lambda: now_s)


@pytest.mark.parametrize("status", ["partial", "cut", "error", "unknown"])
def test_an_answer_that_is_not_complete_is_skipped(status: str) -> None:
    skips = Skips()
    assert answers_of([record(message(status=status))], RULES, skips) == []
    assert skips == {"status": 1}


@pytest.mark.parametrize("role", ["user", "system", "tool", "unknown"])
def test_only_assistants_are_scored_and_others_do_not_count_as_skipped(role: str) -> None:
    skips = Skips()
    assert answers_of([record(message(role=role))], RULES, skips) == []
    assert skips == {}


def test_a_record_in_a_partition_that_is_not_its_keys_is_marked() -> None:
    elsewhere = (PARTITION + 1) % PARTITIONS
    found = answers_of([record(message(), partition=elsewhere)], RULES, Skips())
    assert found == [answer()._replace(misplaced=True)]


def test_a_repeat_of_an_event_is_the_same_answer() -> None:
    twice = [record(message(), at_ms=1000), record(message(), at_ms=2000)]
    assert answers_of(twice, RULES, Skips()) == [answer(at_ms=1000)]


def test_records_that_cannot_be_decoded_or_bring_no_message_are_passed_over() -> None:
    good, end = record(message()), record(message())
    end[1]["body"] = ("plaudit.v1.EndConversation", {"reason": "closed"})
    records = [good[0], good[0], end[0]]
    assert messages_of(records, [TruncatedError("cut"), good[1], end[1]]) == [good]


def test_a_sample_depends_on_ids_alone_and_a_larger_one_holds_the_smaller() -> None:
    answers = [NewAnswer("app", f"chat{number}", "a", f"e{number}", number) for number in range(4000)]
    tenth = {one.conversation_id for one in answers if in_sample(one, 0.1)}
    half = {one.conversation_id for one in answers if in_sample(one, 0.5)}
    again = {
        one.conversation_id for one in answers if in_sample(one._replace(event_id="x", arrived_ms=9), 0.1)
    }
    assert tenth == again
    assert tenth < half
    assert 320 < len(tenth) < 480
    assert all(in_sample(one, 1.0) for one in answers)


def test_what_the_sample_leaves_out_is_counted() -> None:
    skips = Skips()
    records = [record(message(f"a{number}")) for number in range(50)]
    kept = selection(sample="0.2").select(records, skips)
    assert len(kept) + skips["sample"] == 50
    assert 0 < len(kept) < 25


@pytest.mark.parametrize(
    ("policy", "kept", "skipped"),
    [("all", ["old", "new"], {}), ("skip", ["new"], {"lag": 1})],
    ids=["score-all", "skip-late"],
)
def test_late_answers_are_left_out_only_if_that_is_wanted(
    policy: str, kept: list[str], skipped: dict[str, int]
) -> None:
    answers, skips = [answer("old", at_ms=1000), answer("new", at_ms=95_000)], Skips()
    chosen = selection(now_s=100.0, lag_policy=policy, max_lag_s="10").leave_late(answers, skips)
    assert [one.message_id for one in chosen] == kept
    assert skips == skipped


def test_an_answer_that_overtook_its_question_is_scored_again_when_that_comes() -> None:
    overtaken = OvertakenMessages()
    overtaken.wait(answer("a"), "q")
    overtaken.wait(answer("b"), "q")
    chosen = selection(overtaken).select([record(message("q", "user"))], Skips())
    assert chosen == [answer("a"), answer("b")]
    assert selection(overtaken).select([record(message("q", "user"))], Skips()) == []


def test_what_was_overtaken_is_remembered_within_bounds() -> None:
    overtaken = OvertakenMessages(most=2)
    for number in range(3):
        overtaken.wait(answer(f"a{number}"), f"q{number}")
    assert [list(overtaken.come(KEY, f"q{number}")) for number in range(3)] == [
        [],
        [answer("a1")],
        [answer("a2")],
    ]
