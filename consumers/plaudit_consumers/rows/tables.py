"""Training rows as positions, and the Arrow tables made from them.

Python handles only positions. Arrow copies all texts from the canonical columns.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.message_tree import PromptPath
from plaudit_consumers.rows.schemas import CALLS, CHAT, RATER, SCHEMAS, TOOL_CHAT, Subset, list_of
from plaudit_consumers.rows.view import ConversationView
from plaudit_consumers.rows.votes import Verdict

_COPIED: Final = (
    "application", "conversation_id", "revision", "user_id", "consent", "licence", "finished_at",
    "source_partition", "source_offset",
)  # fmt: skip
"""Columns that a training row takes over from its canonical row."""


class TrainingRow(NamedTuple):
    """One training row, as positions in a ConversationView.

    Attributes:
        conversation: the row in the canonical table.
        answer: the position in `texts` of a message or of a correction.
        messages: positions of the judged messages. The model of the row is that of the first one.
        origin: "rating", "correction" or "comparison".
        margin: how clear the judgement is, from 0 to 1; None for a correction.
        rejected: the position in `texts` of a pair's other answer; -1 if there is none.
        label: the KTO label.
    """

    conversation: int
    prompt: PromptPath
    answer: int
    messages: tuple[int, ...]
    origin: str
    verdict: Verdict
    margin: float | None
    rejected: int = -1
    label: bool | None = None


def row_bytes(subset: Subset, view: ConversationView, row: TrainingRow) -> int:
    """About how many bytes the row takes in its table. A text is counted in each row that has it."""
    sizes = view.texts.sizes
    # 1000 and 100 stand for the columns of provenance and for each rater.
    size = 1000 + 100 * len(row.verdict.raters) + row.prompt.size + sizes[row.answer]
    if row.rejected >= 0:
        size += sizes[row.rejected]
    if subset == "sft_tools":
        tool_sizes = view.tools.message_sizes
        size += view.tools.offer_sizes[row.conversation]
        size += sum(tool_sizes[position] for position in row.prompt.positions) + tool_sizes[row.messages[0]]
    return size


def training_table(subset: Subset, view: ConversationView, rows: Sequence[TrainingRow]) -> Any:
    """The rows as a table with the schema of the subset."""
    chats = _tool_chats if subset == "sft_tools" else _chats
    columns = {"prompt": chats(view, [row.prompt.positions for row in rows]), **_provenance(view, rows)}
    answers = chats(view, [[row.answer] for row in rows])
    if subset == "preference":
        columns["chosen"], columns["rejected"] = answers, chats(view, [[row.rejected] for row in rows])
    else:
        columns["completion"] = answers
    if subset == "kto":
        columns["label"] = pa.array([row.label for row in rows], pa.bool_())
    if subset == "sft_tools":
        columns["tools"] = _offered_tools(view, rows)
    schema = SCHEMAS[subset]
    return pa.Table.from_arrays([columns[field.name] for field in schema], schema=schema)


def _chats(view: ConversationView, chats: Sequence[Sequence[int]]) -> Any:
    """An array with a list of messages for each row; `chats` has their positions in `texts`."""

    def messages(positions: Any) -> Any:
        fields = [_roles(view, positions), view.texts.strings.take(pa.array(positions))]
        return pa.StructArray.from_arrays(fields, fields=list(CHAT.value_type))

    return _list_array(chats, messages, CHAT)


def _tool_chats(view: ConversationView, chats: Sequence[Sequence[int]]) -> Any:
    """Like `_chats`, with tool calls and the ids of the calls that tools answer."""
    structs = view.messages.structs

    def messages(positions: Any) -> Any:
        places = _message_places(view, positions)
        calls = pc.struct_field(structs, "tool_calls").take(places)
        answered = pc.struct_field(structs, "tool_call_id").take(places)
        texts = view.texts.strings.take(pa.array(positions))
        fields = [_roles(view, positions), texts, _calls_of_trl(calls), answered]
        return pa.StructArray.from_arrays(fields, fields=list(TOOL_CHAT.value_type))

    return _list_array(chats, messages, TOOL_CHAT)


def _list_array(lists: Sequence[Sequence[int]], items: Callable[[Any], Any], list_type: Any) -> Any:
    """An array with a list for each row; `items` makes the items of all lists in one call."""
    offsets = np.zeros(len(lists) + 1, np.int32)
    np.cumsum([len(each) for each in lists], out=offsets[1:])
    flat = np.fromiter(chain.from_iterable(lists), np.int64, int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), items(flat), type=list_type)


def _message_places(view: ConversationView, positions: Any) -> Any:
    """Positions in `messages`; null for a correction, which is not a message."""
    return pa.array(positions, mask=positions >= len(view.messages.structs))


def _roles(view: ConversationView, positions: Any) -> Any:
    roles = pc.struct_field(view.messages.structs, "role").take(_message_places(view, positions))
    return roles.fill_null("assistant")  # a correction is what the assistant should have written


def _calls_of_trl(calls: Any) -> Any:
    """Tool calls in TRL's format. A message without calls has null rather than an empty list."""
    lengths = pc.fill_null(pc.list_value_length(calls), 0).to_numpy()
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    values = calls.flatten() if len(calls) else pa.array([], CALLS.value_type)
    list_type = TOOL_CHAT.value_type.field("tool_calls").type
    function = pa.StructArray.from_arrays(
        [pc.struct_field(values, "name"), pc.struct_field(values, "arguments")],
        fields=list(list_type.value_type.field("function").type),
    )
    call_type = pa.array(["function"] * len(values), pa.string())
    structs = pa.StructArray.from_arrays(
        [pc.struct_field(values, "id"), call_type, function], fields=list(list_type.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), structs, type=list_type, mask=pa.array(lengths == 0))


def _offered_tools(view: ConversationView, rows: Sequence[TrainingRow]) -> Any:
    own = pa.array([view.tools.own_offers[row.messages[0]] for row in rows], pa.string())
    # A message that names its own tools replaces those of its conversation.
    return pc.coalesce(own, _canonical_column(view, "tools", _conversations(rows)))


def _conversations(rows: Sequence[TrainingRow]) -> Any:
    return pa.array([row.conversation for row in rows], pa.int64())


def _canonical_column(view: ConversationView, name: str, conversations: Any) -> Any:
    return view.table[name].combine_chunks().take(conversations)


def _provenance(view: ConversationView, rows: Sequence[TrainingRow]) -> dict[str, Any]:
    structs, conversations = view.messages.structs, _conversations(rows)
    own_model = pc.struct_field(structs, "model").take(pa.array([row.messages[0] for row in rows]))
    default_model = _canonical_column(view, "model", conversations)
    # By struct, not by field: a message's own model without a version must not get the other model's version.
    has_own = pc.is_valid(own_model)

    def model(field: str) -> Any:
        return pc.if_else(has_own, pc.struct_field(own_model, field), pc.struct_field(default_model, field))

    return {
        **{name: _canonical_column(view, name, conversations) for name in _COPIED},
        "message_ids": _list_array(
            [row.messages for row in rows],
            lambda positions: pc.struct_field(structs, "message_id").take(pa.array(positions)),
            list_of(pa.string()),
        ),
        "origin": pa.array([row.origin for row in rows], pa.string()),
        "aspect": pa.array([row.verdict.aspect for row in rows], pa.string()),
        "model": model("id"),
        "model_version": model("version"),
        "raters": _raters(rows),
        "agreement": pa.array([row.verdict.agreement for row in rows], pa.float64()),
        "weight": pa.array([row.verdict.weight for row in rows], pa.float64()),
        "margin": pa.array([row.margin for row in rows], pa.float64()),
        "parent_guessed": pa.array([_is_guessed(view, row) for row in rows], pa.bool_()),
    }


def _is_guessed(view: ConversationView, row: TrainingRow) -> bool:
    guessed = view.messages.fields.guessed
    return any(guessed[position] for position in (*row.prompt.positions, *row.messages))


def _raters(rows: Sequence[TrainingRow]) -> Any:
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row.verdict.raters) for row in rows], out=offsets[1:])
    raters = [rater for row in rows for rater in row.verdict.raters]
    columns = [
        pa.array([getattr(rater, name) for rater in raters], pa.string())
        for name in ("id", "kind", "version")
    ]
    structs = pa.StructArray.from_arrays(columns, fields=list(RATER))
    return pa.ListArray.from_arrays(pa.array(offsets), structs, type=list_of(RATER))
