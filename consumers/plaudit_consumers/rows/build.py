"""Arrow tables out of positions: every text is taken from the canonical columns, none is copied by Python."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.history import Prompt
from plaudit_consumers.rows.schemas import CALLS, CHAT, RATER, SCHEMAS, TOOL_CHAT, Subset, items
from plaudit_consumers.rows.view import View
from plaudit_consumers.rows.votes import Verdict


class Row(NamedTuple):
    """One training row by positions.

    Attributes:
        conversation: the row of the canonical table.
        prompt: the history, by position in the view's messages.
        answer: a position in the view's texts: a message's, or after all of those a correction's.
        messages: positions of the judged messages; the first one's model counts.
        origin: rating, correction or comparison.
        rejected: the other answer of a pair.
        label: that of KTO.
    """

    conversation: int
    prompt: Prompt
    answer: int
    messages: tuple[int, ...]
    origin: str
    verdict: Verdict
    margin: float | None
    rejected: int = -1
    label: bool | None = None


def bytes_of(subset: Subset, flat: View, row: Row) -> int:
    """About what the row takes in its table: all its texts, of which some are in many rows."""
    size = 1000 + 100 * len(row.verdict.raters) + row.prompt.size + flat.text_sizes[row.answer]
    if row.rejected >= 0:
        size += flat.text_sizes[row.rejected]
    if subset == "sft_tools":
        size += flat.offer_sizes[row.conversation] + sum(flat.tool_sizes[each] for each in row.prompt.line)
        size += flat.tool_sizes[row.messages[0]]
    return size


def table_of(subset: Subset, flat: View, rows: Sequence[Row]) -> Any:
    """The rows as a table of the subset's schema."""
    chats = _tool_chats if subset == "sft_tools" else _chats
    columns: dict[str, Any] = {
        "prompt": chats(flat, [row.prompt.line for row in rows]),
        **_provenance(flat, rows),
    }
    answers = chats(flat, [[row.answer] for row in rows])
    if subset == "preference":
        columns["chosen"], columns["rejected"] = answers, chats(flat, [[row.rejected] for row in rows])
    else:
        columns["completion"] = answers
    if subset == "kto":
        columns["label"] = pa.array([row.label for row in rows], pa.bool_())
    if subset == "sft_tools":
        columns["tools"] = _tools(flat, rows)
    schema = SCHEMAS[subset]
    return pa.Table.from_arrays([columns[field.name] for field in schema], schema=schema)


def _lists(positions: Sequence[Sequence[int]], values: Callable[[Any], Any], kind: Any) -> Any:
    """A list array: one list of positions a row, its items made from all of them at once."""
    offsets = np.zeros(len(positions) + 1, np.int32)
    np.cumsum([len(each) for each in positions], out=offsets[1:])
    flat = np.fromiter(chain.from_iterable(positions), np.int64, int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), values(flat), type=kind)


def _chats(flat: View, positions: Sequence[Sequence[int]]) -> Any:
    def values(at: Any) -> Any:
        fields = [_roles(flat, at), flat.texts.take(pa.array(at))]
        return pa.StructArray.from_arrays(fields, fields=list(CHAT.value_type))

    return _lists(positions, values, CHAT)


def _tool_chats(flat: View, positions: Sequence[Sequence[int]]) -> Any:
    def values(at: Any) -> Any:
        inside = pa.array(at, mask=at >= len(flat.messages))  # a correction calls nothing
        calls = pc.struct_field(flat.messages, "tool_calls").take(inside)
        answered = pc.struct_field(flat.messages, "tool_call_id").take(inside)
        fields = [_roles(flat, at), flat.texts.take(pa.array(at)), _calls(calls), answered]
        return pa.StructArray.from_arrays(fields, fields=list(TOOL_CHAT.value_type))

    return _lists(positions, values, TOOL_CHAT)


def _roles(flat: View, at: Any) -> Any:
    inside = pa.array(at, mask=at >= len(flat.messages))
    return pc.struct_field(flat.messages, "role").take(inside).fill_null("assistant")


def _calls(calls: Any) -> Any:
    """Calls in TRL's form; a message without any has none rather than an empty list."""
    lengths = pc.fill_null(pc.list_value_length(calls), 0).to_numpy()
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    values = calls.flatten() if len(calls) else pa.array([], CALLS.value_type)
    kind = TOOL_CHAT.value_type.field("tool_calls").type
    function = pa.StructArray.from_arrays(
        [pc.struct_field(values, "name"), pc.struct_field(values, "arguments")],
        fields=list(kind.value_type.field("function").type),
    )
    form = pa.array(["function"] * len(values), pa.string())
    struct = pa.StructArray.from_arrays(
        [pc.struct_field(values, "id"), form, function], fields=list(kind.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), struct, type=kind, mask=pa.array(lengths == 0))


def _tools(flat: View, rows: Sequence[Row]) -> Any:
    own = pa.array([flat.answer_tools[row.messages[0]] for row in rows], pa.string())
    return pc.coalesce(own, _taken(flat, "tools", _conversations(rows)))


def _conversations(rows: Iterable[Row]) -> Any:
    return pa.array([row.conversation for row in rows], pa.int64())


def _taken(flat: View, name: str, at: Any) -> Any:
    return flat.table[name].combine_chunks().take(at)


def _provenance(flat: View, rows: Sequence[Row]) -> dict[str, Any]:
    at = _conversations(rows)
    model = pc.struct_field(flat.messages, "model").take(pa.array([row.messages[0] for row in rows]))
    default = _taken(flat, "model", at)
    own = pc.is_valid(model)
    copied = ("application", "conversation_id", "revision", "user_id", "consent", "licence", "finished_at",
              "source_partition", "source_offset")  # fmt: skip
    return {
        **{name: _taken(flat, name, at) for name in copied},
        "message_ids": _lists(
            [row.messages for row in rows],
            lambda at: pc.struct_field(flat.messages, "message_id").take(pa.array(at)),
            items(pa.string()),
        ),
        "origin": pa.array([row.origin for row in rows], pa.string()),
        "aspect": pa.array([row.verdict.aspect for row in rows], pa.string()),
        "model": pc.if_else(own, pc.struct_field(model, "id"), pc.struct_field(default, "id")),
        "model_version": pc.if_else(
            own, pc.struct_field(model, "version"), pc.struct_field(default, "version")
        ),
        "raters": _raters(rows),
        "agreement": pa.array([row.verdict.agreement for row in rows], pa.float64()),
        "weight": pa.array([row.verdict.weight for row in rows], pa.float64()),
        "margin": pa.array([row.margin for row in rows], pa.float64()),
    }


def _raters(rows: Sequence[Row]) -> Any:
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row.verdict.raters) for row in rows], out=offsets[1:])
    raters = [rater for row in rows for rater in row.verdict.raters]
    columns = [
        pa.array([getattr(rater, name) for rater in raters], pa.string())
        for name in ("id", "kind", "version")
    ]
    values = pa.StructArray.from_arrays(columns, fields=list(RATER))
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=items(RATER))
