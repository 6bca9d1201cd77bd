"""Makes Arrow tables of units. Python handles only positions; Arrow copies the texts."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.chats import NO_MESSAGE, Answer
from plaudit_consumers.rows.schemas import CALLS, list_of
from plaudit_consumers.rows.text_pool import TextPool
from plaudit_consumers.rows.tool_forms import NO_ARGUMENTS
from plaudit_consumers.rows.tool_links import Link
from plaudit_consumers.rows.unit_schema import UNIT_CHAT, UNIT_MESSAGE, UNITS, VOTE
from plaudit_consumers.rows.unit_set import Unit
from plaudit_consumers.rows.view import ConversationView
from plaudit_consumers.rows.votes import Vote

_COPIED: Final = (
    "application", "conversation_id", "revision", "user_id", "consent", "licence", "finished_at",
    "source_partition", "source_offset",
)  # fmt: skip
"""Columns that a unit takes over from its canonical row."""


def unit_bytes(unit: Unit) -> int:
    """About how many bytes the unit takes in its table. A text is counted in each unit that has it."""
    # 1000 and 150 stand for the columns of provenance and for each vote.
    size = 1000 + 150 * len(unit.votes) + unit.prompt.size + len(unit.tools or "")
    return size + sum(answer.size for answer in unit.answers)


def unit_table(view: ConversationView, pool: TextPool, units: Sequence[Unit]) -> Any:
    """The units as a table of UNITS."""
    makers = _Messages(view, pool)
    conversations = pa.array([unit.conversation for unit in units], pa.int64())
    facts = view.table.select(_COPIED).take(conversations)
    firsts = [unit.first for unit in units]
    seconds = [unit.second for unit in units]
    columns = {
        **{name: facts[name].combine_chunks() for name in _COPIED},
        "kind": [unit.kind for unit in units],
        "key": [unit.key.hex() for unit in units],
        "prompt_key": [unit.prompt.digest.hex() for unit in units],
        "prompt": makers.prompts(units),
        "first": makers.answers(firsts),
        "second": makers.answers(seconds),
        "tools": [unit.tools for unit in units],
        "has_tools": [unit.has_tools for unit in units],
        "votes": _votes(units),
        "corrected": [unit.corrected for unit in units],
        "demonstration": [unit.demonstration for unit in units],
        "empty": [_is_empty(unit) for unit in units],
        "message_ids": [
            [view.messages.fields.ids[answer.message] for answer in unit.answers] for unit in units
        ],
        "parent_guessed": [_is_guessed(view, unit) for unit in units],
        "turns": [unit.prompt.turns for unit in units],
        "alternating": [unit.prompt.alternating for unit in units],
    }
    for prefix, answers in (("", firsts), ("second_", seconds)):
        columns[f"{prefix}model"], columns[f"{prefix}model_version"] = _models(view, answers, conversations)
    arrays = [_array(columns[column.name], column.type) for column in UNITS]
    return pa.Table.from_arrays(arrays, schema=UNITS)


def _array(values: Any, kind: Any) -> Any:
    return pa.array(values, kind) if isinstance(values, list) else values


def _is_empty(unit: Unit) -> bool | None:
    return None if unit.second else not unit.first.size


def _is_guessed(view: ConversationView, unit: Unit) -> bool:
    guessed = view.messages.fields.guessed
    return unit.prompt.guessed or any(guessed[answer.message] for answer in unit.answers)


class _Messages:
    """Makes arrays of messages from positions."""

    def __init__(self, view: ConversationView, pool: TextPool) -> None:
        self._structs, self._pool = view.messages.structs, pool
        self._roles = pc.struct_field(self._structs, "role")
        self._calls = pc.struct_field(self._structs, "tool_calls")

    def prompts(self, units: Sequence[Unit]) -> Any:
        """The prompt of each unit, as an array of UNIT_CHAT."""
        chats = [unit.prompt.chat for unit in units]
        nothing: list[Link | None] = [None]
        links = (chat.links or nothing * len(chat.places) for chat in chats)
        messages = self._messages(
            list(chain.from_iterable(chat.texts for chat in chats)),
            list(chain.from_iterable(chat.places for chat in chats)),
            list(chain.from_iterable(links)),
        )
        offsets = _offsets(len(chat.places) for chat in chats)
        return pa.ListArray.from_arrays(offsets, messages, type=UNIT_CHAT)

    def answers(self, answers: Sequence[Answer | None]) -> Any:
        """Each answer as an array of UNIT_MESSAGE, null where there is none."""
        present = [answer for answer in answers if answer is not None]
        messages = self._messages(
            [answer.text for answer in present],
            [answer.place for answer in present],
            [answer.link for answer in present],
        )
        if len(present) == len(answers):
            return messages
        places, number = [], 0
        for answer in answers:
            places.append(None if answer is None else number)
            number += answer is not None
        return messages.take(pa.array(places, pa.int64()))

    def _messages(self, texts: list[int], places: list[int], links: list[Link | None]) -> Any:
        place = np.array(places, np.int64)
        taken = pa.array(place, mask=place == NO_MESSAGE)
        # A correction is what the assistant should have written.
        roles = self._roles.take(taken).fill_null("assistant")
        strings = self._pool.take(texts)
        if not any(link is not None for link in links):
            nothing = (pa.nulls(len(texts), CALLS), pa.nulls(len(texts), pa.string()))
            return pa.StructArray.from_arrays([roles, strings, *nothing], fields=list(UNIT_MESSAGE))
        calls = self._linked_calls(taken, links)
        # A message that only calls tools has no text, rather than an empty one.
        is_call = pc.and_(calls.is_valid(), pc.equal(pc.binary_length(strings), 0))
        strings = pc.if_else(is_call, pa.scalar(None, strings.type), strings)
        answered = pa.array([None if link is None else link.answers for link in links], pa.string())
        return pa.StructArray.from_arrays([roles, strings, calls, answered], fields=list(UNIT_MESSAGE))

    def _linked_calls(self, taken: Any, links: list[Link | None]) -> Any:
        """The calls of each message with the ids of its link; null where there are none."""
        lengths = [0 if link is None else len(link.calls) for link in links]
        # Only the messages whose calls are linked: the others have none.
        calling = pa.array(np.array(lengths) > 0)
        values = self._calls.take(taken.filter(calling)).flatten()
        ids = pa.array(list(chain.from_iterable(link.calls for link in links if link)), pa.string())
        arguments = pc.struct_field(values, "arguments").fill_null("")
        is_blank = pc.is_in(pc.utf8_trim_whitespace(arguments), pa.array(NO_ARGUMENTS, pa.string()))
        structs = pa.StructArray.from_arrays(
            [ids, pc.struct_field(values, "name"), pc.if_else(is_blank, "{}", arguments)],
            fields=list(CALLS.value_type),
        )
        return pa.ListArray.from_arrays(_offsets(lengths), structs, type=CALLS, mask=pc.invert(calling))


def _offsets(lengths: Iterable[int]) -> Any:
    return pa.array(np.cumsum([0, *lengths], dtype=np.int32))


def _votes(units: Sequence[Unit]) -> Any:
    votes = [vote for unit in units for vote in unit.votes]
    columns = list(zip(*votes, strict=True)) or [()] * len(Vote._fields)
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, VOTE, strict=True)]
    structs = pa.StructArray.from_arrays(arrays, fields=list(VOTE))
    return pa.ListArray.from_arrays(_offsets(len(unit.votes) for unit in units), structs, type=list_of(VOTE))


def _models(view: ConversationView, answers: Sequence[Answer | None], conversations: Any) -> tuple[Any, Any]:
    """The model and its version of each answer; null where there is no answer."""
    positions = pa.array([None if answer is None else answer.message for answer in answers], pa.int64())
    own = pc.struct_field(view.messages.structs, "model").take(positions)
    default = view.table["model"].combine_chunks().take(conversations)
    # By struct, not by field: a message's own model without a version must not get the other model's version.
    has_own, is_there = pc.is_valid(own), pc.is_valid(positions)

    def of(field: str) -> Any:
        found = pc.if_else(has_own, pc.struct_field(own, field), pc.struct_field(default, field))
        return pc.if_else(is_there, found, pa.scalar(None, found.type))

    return of("id"), of("version")
