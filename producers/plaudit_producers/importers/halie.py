"""HALIE's dialogues: `event_blocks.csv`, joined with `survey_responses.csv` by session and turn."""

import csv
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Final, TypeAlias

from plaudit_producers.importers.chat import DERIVED, Chat
from plaudit_producers.importers.formats import Format, build_chats
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.source import RECORD_BYTES, Source

_SURVEY: Final = "survey_responses.csv"
_ROUNDS = (
    "session_id", "worker_id", "turn_id", "model", "prompt", "prompt_dataset", "elapsed_time", "user_input",
    "model_completion",
)  # fmt: skip
_ANSWERS = ("session_id", "turn_id")
_OVERALL = "-1"  # the turn of the survey's answers on the whole chat
_TICKS = ("interestingness", "boringness", "preference", "fluency", "sensibility", "specificity", "humanness")
_MINUTE = 60  # seconds; elapsed_time is in minutes
_DISLIKED = f"{DERIVED}preference 0 in the survey after the chat"

Row = dict[str, str]
Table: TypeAlias = "csv.DictReader[str]"
Session = tuple[list[Row], dict[str, Row]]
"""The rounds of a chat, and the survey's answers by turn id."""


def build_halie(chat: Chat, session: Session) -> None:
    rounds, answers = session
    first = rounds[0]
    chat.start(
        model=first["model"],
        user_id=first["worker_id"],
        tags={
            "original_id": first["session_id"],
            "scenario": first["prompt"],
            "scenario_source": first["prompt_dataset"],
        },
    )
    given = {row["turn_id"]: _add_round(chat, row, answers.get(row["turn_id"], {})) for row in rounds}
    for turn, message_id in given.items():
        preference = answers.get(turn, {}).get("preference")
        if preference and float(preference) == 0:  # 1 is a box that was not ticked, so it is no like
            chat.dislike(message_id, rubric=_DISLIKED)
    quality = answers.get(_OVERALL, {}).get("quality")
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
        yield from build_chats("halie", build_halie, _sessions(rounds, survey), options)
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


def _sessions(rounds: Table, survey: "_Survey") -> Iterator[Member]:
    for place, session_id, rows in _by_session(rounds):
        answers = {row["turn_id"]: row for row in survey.rows_of(session_id)}
        identity = json.dumps([rows, answers]).encode()
        yield Member(place, identity, (rows, answers))


def _by_session(reader: Table) -> Iterator[tuple[Place, str, list[Row]]]:
    """Yield the rows of each session and where they begin. The rows of a session must be adjacent."""
    line = 1

    def rows() -> Iterator[tuple[int, Row]]:
        nonlocal line
        line = reader.line_num + 1
        for row in reader:
            begins, line = line, reader.line_num + 1  # a quoted cell may span several lines
            yield begins, row

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


FORMAT = Format("halie", f"HALIE's dialogues: event_blocks.csv, with {_SURVEY} beside it", read_halie)
