"""Canonical rows taken apart: Python lists to decide on training rows, and Arrow arrays with their texts."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.message_tree import SPEAKERS, MessageFields

_FEEDBACK_FIELDS: Final = (
    "message_id", "aspect", "kind", "thumb", "number", "minimum", "maximum", "labels", "correction",
    "confidence",
)  # fmt: skip
# JSON texts that offer no tool.
_NO_TOOLS: Final = ("", "[]", "{}", "null")


class MessageView(NamedTuple):
    """The messages of all conversations, one after the other.

    Attributes:
        structs: an Arrow struct array.
        starts: the position of each conversation's first message, then the number of all messages.
        fields: the fields that decide on training rows.
    """

    structs: Any
    starts: list[int]
    fields: MessageFields


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
        items: the fields that decide, as dicts; `rater` is (kind, id, version).
        starts: the position of each conversation's first feedback, then the number of all feedback.
    """

    items: list[dict[str, Any]]
    starts: list[int]


class ToolView(NamedTuple):
    """The tools of the conversations: offered, named by messages, and called.

    Attributes:
        absent: True if there are no tools at all.
        offered: for each conversation, whether tools were offered.
        own_offers: for each message, the JSON text of its own tools, which replace those of its conversation.
        message_sizes: for each message, bytes of its own tools and of its calls; empty if `absent`.
        offer_sizes: for each conversation, bytes of the tools offered; empty if `absent`.
    """

    absent: bool
    offered: list[bool]
    own_offers: list[str | None]
    message_sizes: Sequence[int]
    offer_sizes: Sequence[int]

    def are_offered(self, conversation: int, message: int) -> bool:
        """Whether tools were offered for an answer."""
        own = self.own_offers[message]
        return self.offered[conversation] if own is None else _names_tools(own)


class ConversationView(NamedTuple):
    """A table of canonical rows, taken apart once.

    Attributes:
        table: the rows, of schema CONVERSATIONS.
        comparisons: of each conversation, as dicts.
        user_ids: of each conversation; None where no user is named.
    """

    table: Any
    messages: MessageView
    texts: TextView
    feedback: FeedbackView
    comparisons: list[list[dict[str, Any]]]
    user_ids: list[str | None]
    tools: ToolView

    def correction_text(self, feedback: int) -> int:
        """The position in `texts` of the correction of a feedback."""
        return len(self.messages.structs) + feedback


def trainable(conversations: Any, consents: Sequence[str]) -> Any:
    """The conversations that may give training rows: consented, judged, not erased or excluded."""
    judgements = pc.add(
        pc.list_value_length(conversations["feedback"]), pc.list_value_length(conversations["comparisons"])
    )
    consented = pc.is_in(conversations["consent"], pa.array(consents, pa.string()))
    gone = pc.or_(conversations["erased"], conversations["excluded"].fill_null(False))
    chosen = pc.and_(pc.and_(consented, pc.greater(judgements, 0)), pc.invert(gone))
    if pc.all(chosen, min_count=0).as_py():  # filtering copies, and one conversation may be 50 MB
        return conversations.combine_chunks()
    return conversations.filter(chosen).combine_chunks()


def take_apart(table: Any) -> ConversationView:
    """The view of canonical rows; there must be at least one."""
    structs, message_starts = _flatten(table["messages"])
    feedback, feedback_starts = _flatten(table["feedback"])
    fields = _message_fields(structs)
    return ConversationView(
        table=table,
        messages=MessageView(structs, message_starts, fields),
        texts=_texts(structs, fields, feedback),
        feedback=FeedbackView(_feedback_items(feedback), feedback_starts),
        comparisons=table["comparisons"].to_pylist(),
        user_ids=table["user_id"].to_pylist(),
        tools=_tools(table, structs, fields),
    )


def _flatten(column: Any) -> tuple[Any, list[int]]:
    """The items of a list column in one array, and the position at which each list begins."""
    lengths = pc.list_value_length(column).to_numpy()
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    array = column.combine_chunks()
    return (array.chunk(0) if isinstance(array, pa.ChunkedArray) else array).flatten(), starts.tolist()


def _message_fields(structs: Any) -> MessageFields:
    def column(name: str) -> Any:
        return pc.struct_field(structs, name)

    calls_tools = pc.greater(pc.list_value_length(column("tool_calls")), 0)
    is_whole = pc.and_(pc.equal(pc.list_value_length(column("attachments")), 0), pc.invert(column("orphan")))
    is_in = pc.invert(column("excluded").fill_null(False))  # older files do not have it
    is_usable = pc.and_(pc.and_(is_whole, is_in), pc.is_in(column("role"), pa.array(SPEAKERS)))
    return MessageFields(
        ids=column("message_id").to_pylist(),
        parents=column("parent_id").to_pylist(),
        roles=_repeated_values(column("role")),
        statuses=_repeated_values(column("status")),
        sizes=pc.binary_length(column("content")).to_pylist(),
        usable=is_usable.to_pylist(),
        guessed=column("parent_guessed").fill_null(False).to_pylist(),
        tools=pc.or_(calls_tools, pc.equal(column("role"), "tool")).to_pylist(),
    )


def _repeated_values(column: Any) -> list[Any]:
    """The values as a list in which equal values share one object, to save memory."""
    encoded = column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return [values[index] for index in encoded.indices.to_pylist()]


def _texts(structs: Any, fields: MessageFields, feedback: Any) -> TextView:
    contents = pc.struct_field(structs, "content")
    corrections = pc.struct_field(feedback, "correction")
    if corrections.null_count == len(corrections):  # the usual case: concatenating would copy all texts
        return TextView(contents, fields.sizes)
    strings = pa.concat_arrays([contents, corrections])
    return TextView(strings, [*fields.sizes, *_sizes(corrections).tolist()])


def _feedback_items(feedback: Any) -> list[dict[str, Any]]:
    columns = [pc.struct_field(feedback, name).to_pylist() for name in _FEEDBACK_FIELDS]
    rater = pc.struct_field(feedback, "rater")
    raters = zip(
        *(pc.struct_field(rater, name).to_pylist() for name in ("kind", "id", "version")), strict=True
    )
    return [
        {**dict(zip(_FEEDBACK_FIELDS, values, strict=True)), "rater": who}
        for who, *values in zip(raters, *columns, strict=True)
    ]


def _tools(table: Any, structs: Any, fields: MessageFields) -> ToolView:
    offered = [tools is not None and _names_tools(tools) for tools in table["tools"].to_pylist()]
    own_offers = pc.struct_field(structs, "tools").to_pylist()
    absent = not any(fields.tools) and not any(offered) and not any(own_offers)
    return ToolView(
        absent=absent,
        offered=offered,
        own_offers=own_offers,
        message_sizes=() if absent else _tool_sizes(structs).tolist(),
        offer_sizes=() if absent else _sizes(table["tools"]).tolist(),
    )


def _names_tools(tools: str) -> bool:
    return tools.strip() not in _NO_TOOLS


def _tool_sizes(structs: Any) -> Any:
    sizes = _sizes(pc.struct_field(structs, "tools")).astype(np.int64)
    calls = pc.struct_field(structs, "tool_calls")
    values, lengths = calls.flatten(), pc.fill_null(pc.list_value_length(calls), 0).to_numpy()
    call_sizes = sum(_sizes(pc.struct_field(values, name)) for name in ("id", "name", "arguments"))
    # Not `sizes[...] +=`, which would count a message with several calls only once.
    np.add.at(sizes, np.repeat(np.arange(len(lengths)), lengths), call_sizes)
    return sizes


def _sizes(texts: Any) -> Any:
    """The length of each text in bytes; 0 for null."""
    return pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
