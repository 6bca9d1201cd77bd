"""HALIE: two files joined; ticks that say something and ticks that do not; real pacing."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest
from plaudit_producers.importers import DERIVED, find_format
from plaudit_producers.importers.run import replay_file
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.feedback import Number, Thumb
from plaudit_schemas.errors import NotFoundError

from tests.producers.importers.files import import_file
from tests.support.services import shared_data

ROUNDS = "session_id,worker_id,turn_id,model,prompt,prompt_dataset,elapsed_time,user_input,model_completion\n"
SURVEY = "session_id,turn_id,preference,fluency,quality\n"


def write(folder: Path, rounds: str, survey: str) -> Path:
    (folder / "event_blocks.csv").write_text(ROUNDS + rounds)
    (folder / "survey_responses.csv").write_text(SURVEY + survey)
    return folder / "event_blocks.csv"


@pytest.mark.slow
def test_halie_equals_its_files() -> None:
    path = shared_data("halie/event_blocks.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    outcome = import_file(path, "halie")
    assert outcome.report.bad == outcome.report.noted == 0
    assert len(outcome.chats) == 189
    found = [message for chat in outcome.chats for message in chat.messages.values()]
    assert [message.content for message in found if message.role == "user"] == [
        row["user_input"] for row in rows
    ]
    answers = [message for message in found if message.role == "assistant"]
    assert [message.content for message in answers] == [row["model_completion"] for row in rows]
    assert len(rows) == 2_063
    models = {chat.start.model.id for chat in outcome.chats if chat.start.model}
    assert len(models) == 4
    feedback = [body for chat in outcome.chats for body in chat.feedback]
    thumbs = [body.feedback for body in feedback if body.message_id]
    assert Counter(each.value.like for each in thumbs if isinstance(each.value, Thumb)) == {False: 217}
    assert all((each.rubric or "").startswith(DERIVED) for each in thumbs)
    whole = [body.feedback.value for body in feedback if body.message_id is None]
    assert len(whole) == 189
    assert Counter(value.number for value in whole if isinstance(value, Number)) == {
        1: 14,
        2: 17,
        3: 46,
        4: 59,
        5: 53,
    }


def test_the_pace_of_the_rounds_is_the_files(tmp_path: Path) -> None:
    rows = "s,w,1,m,p,d,0.5,hello,hi\ns,w,2,m,p,d,2,again,yes\n"
    (chat,) = import_file(write(tmp_path, rows, "s,-1,,,3\n"), "halie").chats
    users = [event for event in chat.events if getattr(event.body, "role", "") == "user"]
    answers = [event for event in chat.events if getattr(event.body, "role", "") == "assistant"]
    assert (users[0].occurred_at - chat.events[0].occurred_at).total_seconds() == 30
    assert (users[1].occurred_at - answers[0].occurred_at).total_seconds() == 120


def test_a_tick_left_empty_says_nothing(tmp_path: Path) -> None:
    rows = "".join(f"s,w,{turn},m,p,d,1,q{turn},a{turn}\n" for turn in (1, 2, 3))
    (chat,) = import_file(write(tmp_path, rows, "s,1,0.0,1.0,\ns,2,1.0,,\ns,3,,,\n"), "halie").chats
    disliked = [chat.messages[body.message_id or ""].content for body in chat.feedback]
    assert disliked == ["a1"]
    metadata = [message.metadata for message in chat.messages.values() if message.role == "assistant"]
    assert metadata == [
        {"survey_preference": "0.0", "survey_fluency": "1.0"}, {"survey_preference": "1.0"}, {},
    ]  # fmt: skip


def test_sessions_in_another_order_and_without_partners(tmp_path: Path) -> None:
    rows = 'a,w,1,m,p,d,1,"q,\n1",a\nb,w,1,m,p,d,1,q,a\nc,w,1,m,p,d,x,q,a\n'
    survey = "b,-1,,,5\nlost,-1,,,1\na,-1,,,4\nlate,-1,,,1\n"
    outcome = import_file(write(tmp_path, rows, survey), "halie")
    numbers = [
        body.feedback.value.number
        for chat in outcome.chats
        for body in chat.feedback
        if isinstance(body.feedback.value, Number)
    ]
    assert numbers == [4, 5]
    assert outcome.report.examples[0].startswith("line 5: ")  # the cell before spans two lines
    assert "could not convert" in outcome.report.examples[0]
    assert "session lost has no rounds" in outcome.report.examples[1]
    assert "session late has no rounds" in outcome.report.examples[2]


def test_without_the_survey_file_it_is_an_error(tmp_path: Path) -> None:
    shutil.copy(shared_data("halie/event_blocks.csv"), tmp_path / "event_blocks.csv")
    with pytest.raises(NotFoundError, match=r"survey_responses\.csv must lie beside"):
        replay_file(tmp_path / "event_blocks.csv", find_format("halie"), InMemoryProducer())


@pytest.mark.parametrize(
    ("rounds", "survey", "told"),
    [
        pytest.param(
            "turn_id,model\n1,m\n",
            SURVEY,
            "the file has no column session_id, worker_id, prompt, ",
            id="columns are missing",
        ),
        pytest.param("s,w,1,m,p,d,1,q,a\n", SURVEY, "the file has no column session_id, ", id="no header"),
        pytest.param("", SURVEY, "the file has no column session_id, ", id="empty"),
        pytest.param(
            ROUNDS,
            "session,turn\ns,1\n",
            "survey_responses.csv has no column session_id, turn_id; ",
            id="columns of the survey are missing",
        ),
    ],
)
def test_a_file_without_the_columns_says_what_to_do(
    tmp_path: Path, rounds: str, survey: str, told: str
) -> None:
    path = write(tmp_path, "", "")
    path.write_text(rounds)
    (tmp_path / "survey_responses.csv").write_text(survey)
    outcome = import_file(path, "halie")
    assert outcome.summary.records == 0
    assert outcome.report.rest_unread
    (example,) = outcome.report.examples
    assert example.startswith(f"line 1: {told}")
    assert "first line must name the columns" in example


def test_a_long_text_is_read_and_one_over_the_limit_is_one_bad_record(tmp_path: Path) -> None:
    rows = "".join(
        f"s{number},w,1,m,p,d,1,{'x' * size},a\n" for number, size in enumerate((200_000, 1_048_577, 1))
    )
    outcome = import_file(write(tmp_path, rows, ""), "halie")
    sizes = [len(next(iter(chat.messages.values())).content) for chat in outcome.chats]
    assert sizes == [200_000, 1]
    (example,) = outcome.report.examples
    assert example.startswith("line 3: ")
    assert not outcome.report.rest_unread
