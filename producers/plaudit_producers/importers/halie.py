"""HALIE's dialogues: `event_blocks.csv`, joined with `survey_responses.csv` by session and turn."""

import csv
from collections.abc import Iterator
from itertools import groupby
from typing import Final, TypeAlias

from plaudit_producers.importers.chat import DERIVED, Chat
from plaudit_producers.importers.formats import Format, build_chats
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import RECORD_BYTES, Source

_SURVEY: Final = "survey_responses.csv"
_ROUNDS = (
    "session_id", "worker_id", "turn_id", "model", "prompt", "prompt_dataset", "elapsed_time", "user_input",
    "model_completion",
)  # fmt: skip
_ANSWERS = ("session_id", "turn_id")
_OF_A_SESSION: Final = (
    "worker_id",
    "model",
    "prompt",
    "prompt_dataset",
)  # every row of both files repeats them
_OVERALL = "-1"  # the turn of the survey's answers on the whole chat
_TICKS = ("interestingness", "boringness", "preference", "fluency", "sensibility", "specificity", "humanness")
_NO_ANSWERS: Final = ReadRecord()
_MINUTE = 60  # seconds; elapsed_time is in minutes
_DISLIKED = f"{DERIVED}preference 0 in the survey after the chat"

Row = ReadRecord
Table: TypeAlias = "csv.DictReader[str]"
_Found: TypeAlias = tuple[Place, str, list[Row]]
"""Where a session begins, its id, and its rows."""
Session = tuple[list[Row], dict[str, Row]]
"""The rounds of a chat, and the survey's answers by turn id."""


def build_halie(chat: Chat, session: Session) -> None:
    rounds, answers = session
    first = rounds[0]
    chat.identify(first["session_id"])
    chat.start(
        model=first["model"],
        user_id=first["worker_id"],
        tags={
            "original_id": first["session_id"],
            "scenario": first["prompt"],
            "scenario_source": first["prompt_dataset"],
        },
    )
    for row in (*rounds, *answers.values()):
        row.skip(*(name for name in _OF_A_SESSION if row.peek(name) == first.peek(name)))
    given = {
        row["turn_id"]: _add_round(chat, row, answers.get(row["turn_id"], _NO_ANSWERS)) for row in rounds
    }
    for turn, message_id in given.items():
        preference = answers.get(turn, _NO_ANSWERS).get("preference")
        if preference and float(preference) == 0:  # 1 is a box that was not ticked, so it is no like
            chat.dislike(message_id, rubric=_DISLIKED)
    quality = answers.get(_OVERALL, _NO_ANSWERS).get("quality")
    if quality:
        chat.rate(None, float(quality))
    if not answers:
        chat.note("the survey has no answers for this session")
    chat.end()


def _add_round(chat: Chat, row: Row, answers: Row) -> str:
    # The file has the duration of each round, but not the date of the chat.
    chat.wait(float(row["elapsed_time"]) * _MINUTE)
    chat.add_message("user", row["user_input"])
    ticks = {f"survey_{name}": answers[name] for name in _TICKS if answers.get(name)}
    return chat.add_message("assistant", row["model_completion"], metadata=ticks)


def read_halie(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    with source.beside(_SURVEY) as beside:
        rounds, answers = _read_table(source), _read_table(beside)
        for name, table, columns in (("the file", rounds, _ROUNDS), (_SURVEY, answers, _ANSWERS)):
            lacking = [column for column in columns if column not in (table.fieldnames or ())]
            if lacking:
                yield BadRecord(Place(1, 1), _missing_columns(name, lacking), rest_unread=True)
                return
        survey = _Survey(answers)
        yield from build_chats("halie", build_halie, _sessions(source, rounds, survey), options)
        for place, session_id in survey.unused():
            yield BadRecord(place, f"line {place.line} of {_SURVEY}: session {session_id} has no rounds")


def _read_table(source: Source) -> Table:
    # The limit is process-wide, so it is only raised. By default a cell over 131,072 characters is an error.
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_BYTES))
    return csv.DictReader(source.text())


def _missing_columns(name: str, lacking: list[str]) -> str:
    return (
        f"{name} has no column {', '.join(lacking)}; "
        "its first line must name the columns, separated by commas, as in HALIE's own files"
    )


def _sessions(source: Source, rounds: Table, survey: "_Survey") -> Iterator[Member | BadRecord]:
    held: _Found | None = None
    for found in _by_session(rounds):
        if held is not None:
            yield _joined(held, survey)
        held = found
    if held is not None and source.damage:  # of the last session, rounds may be missing
        yield BadRecord(held[0], "the file ends within this session", rest_unread=True)
    elif held is not None:
        yield _joined(held, survey)


def _joined(found: "_Found", survey: "_Survey") -> Member:
    place, session_id, rows = found
    answers = {row["turn_id"]: row for row in survey.rows_of(session_id)}
    return Member(place, b"", (rows, answers))


def _by_session(reader: Table) -> Iterator[_Found]:
    """Yield the rows of each session and where they begin. The rows of a session must be adjacent."""
    line = 1

    def rows() -> Iterator[tuple[int, Row]]:
        nonlocal line
        line = reader.line_num + 1
        for row in reader:
            begins, line = line, reader.line_num + 1  # a quoted cell may span several lines
            yield begins, ReadRecord(row.items())

    for number, (session_id, group) in enumerate(groupby(rows(), lambda item: item[1]["session_id"]), 1):
        found = list(group)
        yield Place(number, found[0][0]), session_id, [row for _, row in found]


class _Survey:
    """The survey's rows by session.

    Rows that are read before their session is asked for stay in memory. With both files in the same order
    there are none.
    """

    def __init__(self, answers: Table) -> None:
        self._sessions = _by_session(answers)
        self._ahead: dict[str, tuple[Place, list[Row]]] = {}

    def rows_of(self, session_id: str) -> list[Row]:
        if session_id in self._ahead:
            return self._ahead.pop(session_id)[1]
        for place, found, rows in self._sessions:
            if found == session_id:
                return rows
            self._ahead[found] = place, rows
        return []

    def unused(self) -> Iterator[tuple[Place, str]]:
        for session_id, (place, _) in self._ahead.items():
            yield place, session_id
        for place, session_id, _ in self._sessions:
            yield place, session_id


def recognise(sample: Sample) -> Recognised | None:
    fits = sample.shape == "table" and sample.records and all(name in sample.records[0] for name in _ROUNDS)
    return Recognised(0.9, "it is a table with HALIE's columns") if fits else None


FORMAT = Format(
    "halie", f"HALIE's dialogues: event_blocks.csv, with {_SURVEY} beside it", read_halie, recognise
)
