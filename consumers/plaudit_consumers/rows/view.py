"""Canonical rows taken apart: Python lists to decide on units, and Arrow arrays with their texts."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.message_tree import SPEAKERS, MessageFields
from plaudit_consumers.rows.reasons import AnswerReason

_FEEDBACK_FIELDS: Final = (
    "message_id", "aspect", "kind", "thumb", "number", "minimum", "maximum", "labels", "correction",
    "confidence", "number_raters", "rater", "item_id",
)  # fmt: skip


class MessageView(NamedTuple):
    """The messages of all conversations, one after the other.

    Attributes:
        structs: an Arrow struct array.
        starts: the position of each conversation's first message, then the number of all messages.
        fields: the fields that decide on units.
        tools: for each message, the JSON text of its own tools, which replace those of its conversation.
    """

    structs: Any
    starts: list[int]
    fields: MessageFields
    tools: list[str | None]

    def problem(self, position: int) -> AnswerReason:
        """Why a message is not usable."""
        message = self.structs[position]
        if message["role"].as_py() not in SPEAKERS:
            return "unknown_role"
        if message["excluded"].as_py():
            return "message_excluded"
        return "orphan" if message["orphan"].as_py() else "attachment"


class TextView(NamedTuple):
    """The contents of all messages, then the corrections of all feedback.

    Attributes:
        strings: an Arrow string array.
        sizes: the length of each in bytes.
    """

    strings: Any
    sizes: Sequence[int]


class FeedbackView(NamedTuple):
    """The feedback of all conversations, one after the other.

    Attributes:
        items: the fields that decide, as dicts, with `occurred_us` in microseconds.
        starts: the position of each conversation's first feedback, then the number of all feedback.
    """

    items: list[dict[str, Any]]
    starts: list[int]


class ConversationFacts(NamedTuple):
    """What units need of a conversation.

    Attributes:
        comparisons: as dicts, with `occurred_us` in microseconds.
        tools: the JSON text of the tools on offer.
    """

    application: str
    conversation_id: str
    user_id: str | None
    tools: str | None
    finished_us: int
    source_partition: int
    source_offset: int
    comparisons: list[dict[str, Any]]


class ConversationView(NamedTuple):
    """A table of canonical rows, taken apart once.

    Attributes:
        table: the rows, of schema CONVERSATIONS.
        facts: of each conversation.
    """

    table: Any
    messages: MessageView
    texts: TextView
    feedback: FeedbackView
    facts: list[ConversationFacts]

    def correction_text(self, feedback: int) -> int:
        """The position in `texts` of the correction of a feedback."""
        return len(self.messages.structs) + feedback


def take_apart(table: Any) -> ConversationView:
    """The view of canonical rows; there must be at least one."""
    structs, message_starts = _flatten(table["messages"])
    feedback, feedback_starts = _flatten(table["feedback"])
    fields = _message_fields(structs)
    return ConversationView(
        table=table,
        messages=MessageView(
            structs, message_starts, fields, _repeated_values(pc.struct_field(structs, "tools"))
        ),
        texts=_texts(structs, fields, feedback),
        feedback=FeedbackView(_feedback_items(feedback), feedback_starts),
        facts=_facts(table),
    )


def _flatten(column: Any) -> tuple[Any, list[int]]:
    """The items of a list column in one array, and the position at which each list begins."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    array = column.combine_chunks()
    return (array.chunk(0) if isinstance(array, pa.ChunkedArray) else array).flatten(), starts.tolist()


def _message_fields(structs: Any) -> MessageFields:
    def column(name: str) -> Any:
        return pc.struct_field(structs, name)

    def count(name: str) -> Any:
        return pc.fill_null(pc.list_value_length(column(name)), 0)

    is_whole = pc.and_(pc.equal(count("attachments"), 0), pc.invert(column("orphan")))
    is_in = pc.invert(column("excluded").fill_null(False))  # older files do not have it
    is_usable = pc.and_(pc.and_(is_whole, is_in), pc.is_in(column("role"), pa.array(SPEAKERS)))
    return MessageFields(
        ids=column("message_id").to_pylist(),
        parents=column("parent_id").to_pylist(),
        roles=_repeated_values(column("role")),
        statuses=_repeated_values(column("status")),
        sizes=pc.fill_null(pc.binary_length(column("content")), 0).to_pylist(),
        usable=is_usable.to_pylist(),
        guessed=column("parent_guessed").fill_null(False).to_pylist(),
        calls=pc.greater(count("tool_calls"), 0).to_pylist(),
        written=written_answers(structs).to_pylist(),
    )


def written_answers(messages: Any) -> Any:
    """Which messages of a struct array are answers that a reviewer wrote."""
    kind = pc.struct_field(pc.struct_field(messages, "author"), "kind").fill_null("")
    return pc.and_(pc.equal(kind, "reviewer"), pc.equal(pc.struct_field(messages, "role"), "assistant"))


def _repeated_values(column: Any) -> list[Any]:
    """The values as a list in which equal values share one object, to save memory."""
    encoded = column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return [None if index is None else values[index] for index in encoded.indices.to_pylist()]


def _texts(structs: Any, fields: MessageFields, feedback: Any) -> TextView:
    contents = pc.struct_field(structs, "content")
    corrections = pc.struct_field(feedback, "correction")
    if corrections.null_count == len(corrections):  # the usual case: concatenating would copy all texts
        return TextView(contents, fields.sizes)
    sizes = pc.fill_null(pc.binary_length(corrections), 0).to_pylist()
    return TextView(pa.concat_arrays([contents, corrections]), [*fields.sizes, *sizes])


def _feedback_items(feedback: Any) -> list[dict[str, Any]]:
    names = (*_FEEDBACK_FIELDS, "occurred_us")
    columns = [pc.struct_field(feedback, name).to_pylist() for name in _FEEDBACK_FIELDS]
    columns.append(_micros(pc.struct_field(feedback, "occurred_at")))
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _facts(table: Any) -> list[ConversationFacts]:
    columns = [
        table["application"].to_pylist(),
        table["conversation_id"].to_pylist(),
        table["user_id"].to_pylist(),
        _repeated_values(table["tools"].combine_chunks()),
        _micros(table["finished_at"]),
        table["source_partition"].to_pylist(),
        table["source_offset"].to_pylist(),
        _comparisons(table["comparisons"]),
    ]
    return [ConversationFacts(*values) for values in zip(*columns, strict=True)]


def _comparisons(column: Any) -> list[list[dict[str, Any]]]:
    structs, starts = _flatten(column)
    items = structs.to_pylist()
    for item, at in zip(items, _micros(pc.struct_field(structs, "occurred_at")), strict=True):
        item["occurred_us"] = at
    return [items[start:end] for start, end in pairwise(starts)]


def _micros(times: Any) -> list[int | None]:
    return list(times.cast(pa.int64()).to_pylist())
