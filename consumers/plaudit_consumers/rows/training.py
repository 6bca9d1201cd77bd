"""Makes the tables of the training subsets from units and verdicts."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.message_json import message_json
from plaudit_consumers.rows.resolve import Verdict
from plaudit_consumers.rows.schemas import CHAT, JSON, RATER, SCHEMAS, TEXT, TOOL_CHAT, Subset, list_of

_COPIED: Final = (
    "application", "conversation_id", "revision", "consent", "licence", "finished_at", "source_partition",
    "source_offset", "parent_guessed", "turns", "alternating", "tools",
)  # fmt: skip
"""Columns that a row takes over from its unit."""
_VERDICT: Final = (
    "origin", "aspect", "votes", "agreement", "vote_weight", "vote_strength", "near_tie", "label",
)  # fmt: skip
"""Columns that are fields of the verdict."""


class TrainingRow(NamedTuple):
    """What a training row has beside its unit.

    Attributes:
        users: how many users' conversations were added up. If there are several, `user_id` is null.
        conversations: how many conversations were added up.
    """

    verdict: Verdict
    users: int
    conversations: int


def training_table(subset: Subset, units: Any, rows: Sequence[TrainingRow]) -> Any:
    """The rows as a table with the schema of a training subset.

    Args:
        subset: one for the kind of the units, and with tools exactly if the units have them.
        units: a table of UNITS, for each row the unit that it shows: that of the earliest conversation.
        rows: for each of the units.
    """
    units, schema = units.combine_chunks(), SCHEMAS[subset]
    columns = {name: units[name] for name in _COPIED}
    columns.update({name: [getattr(row.verdict, name) for row in rows] for name in _VERDICT})
    columns.update(_answers(units, rows, with_tools=subset.endswith("_tools")))
    columns["prompt"] = _chats(units["prompt"].combine_chunks(), with_tools=subset.endswith("_tools"))
    is_shared = pa.array([row.users > 1 for row in rows], pa.bool_())
    columns["user_id"] = pc.if_else(is_shared, pa.scalar(None, pa.string()), units["user_id"])
    columns["user_count"] = [row.users for row in rows]
    columns["conversation_count"] = [row.conversations for row in rows]
    columns["raters"] = _raters(rows)
    arrays = [_array(columns[column.name], column.type) for column in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: Any) -> Any:
    return pa.array(values, kind) if isinstance(values, list) else values


def _answers(units: Any, rows: Sequence[TrainingRow], *, with_tools: bool) -> dict[str, Any]:
    """The columns that depend on which answer of a pair is better."""
    first = pa.array([row.verdict.chosen != "second" for row in rows], pa.bool_())

    def better(one: str, other: str) -> Any:
        return pc.if_else(first, units[one].combine_chunks(), units[other].combine_chunks())

    chosen, rejected = better("first", "second"), better("second", "first")
    ids = units["message_ids"].to_pylist()
    return {
        "completion": _chats(_one_each(chosen), with_tools=with_tools),
        "chosen": _chats(_one_each(chosen), with_tools=with_tools),
        "rejected": _chats(_one_each(rejected), with_tools=with_tools),
        "message_ids": [
            names if row.verdict.chosen != "second" else names[::-1]
            for names, row in zip(ids, rows, strict=True)
        ],
        "model": better("model", "second_model"),
        "model_version": better("model_version", "second_model_version"),
    }


def _one_each(messages: Any) -> Any:
    """A chat of one message for each message."""
    return pa.ListArray.from_arrays(pa.array(np.arange(len(messages) + 1, dtype=np.int32)), messages)


def _chats(chats: Any, *, with_tools: bool) -> Any:
    """Chats of units in the form of trainers."""
    messages = chats.flatten()
    offsets = _offsets(pc.list_value_length(chats))
    if with_tools:
        # Units of one answer have no second message, of which nobody makes a column.
        texts = pa.array([each and message_json(each) for each in messages.to_pylist()], TEXT)
        return pa.ListArray.from_arrays(offsets, pa.ExtensionArray.from_storage(JSON, texts), type=TOOL_CHAT)
    columns = [pc.struct_field(messages, "role"), pc.struct_field(messages, "content")]
    structs = pa.StructArray.from_arrays(columns, fields=list(CHAT.value_type))
    return pa.ListArray.from_arrays(offsets, structs, type=CHAT)


def _offsets(lengths: Any) -> Any:
    return pa.array(np.append(0, np.cumsum(lengths.to_numpy(zero_copy_only=False))), pa.int32())


def _raters(rows: Sequence[TrainingRow]) -> Any:
    raters = [rater for row in rows for rater in row.verdict.raters]
    columns = [
        pa.array([getattr(rater, name) for rater in raters], pa.string())
        for name in ("id", "kind", "version")
    ]
    structs = pa.StructArray.from_arrays(columns, fields=list(RATER))
    lengths = pa.array([len(row.verdict.raters) for row in rows], pa.int32())
    return pa.ListArray.from_arrays(_offsets(lengths), structs, type=list_of(RATER))
