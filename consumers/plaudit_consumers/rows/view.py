"""Conversations as flat columns: what row building looks at, and what it takes texts from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaudit_consumers.rows.history import SPEAKERS, Messages

_JUDGED = ("message_id", "aspect", "kind", "thumb", "number", "minimum", "maximum", "labels", "correction",
           "confidence")  # fmt: skip
_NO_TOOLS = ("", "[]", "{}", "null")


class View(NamedTuple):
    """A table of canonical rows, taken apart once.

    Attributes:
        table: the conversations.
        messages: the struct array of all their messages; `message_starts` has one more item than rows.
        lines: what decides on them, as Python lists.
        texts: contents of all messages, then the corrections of all feedback; `text_sizes` are their bytes.
        feedback: dicts of all judgements; `rater` is (kind, id, version).
        comparisons: dicts, by conversation.
        offered: by conversation, whether tools were offered.
        answer_tools: tools that a message names itself, and by which it overrides its conversation's.
        without_tools: nothing of all this has to do with tools.
        tool_sizes: by message, bytes of the tools that it names and of its calls; empty without tools.
        offer_sizes: by conversation, bytes of the tools that were offered; empty without tools.
    """

    table: Any
    messages: Any
    message_starts: list[int]
    lines: Messages
    texts: Any
    text_sizes: Sequence[int]
    feedback: list[dict[str, Any]]
    feedback_starts: list[int]
    comparisons: list[list[dict[str, Any]]]
    user_ids: list[str | None]
    offered: list[bool]
    answer_tools: list[str | None]
    without_tools: bool
    tool_sizes: Sequence[int]
    offer_sizes: Sequence[int]


def judged(conversations: Any, consents: Sequence[str]) -> Any:
    """The conversations that may give training rows: not erased, with such a consent, judged at all."""
    counts = pc.add(
        pc.list_value_length(conversations["feedback"]), pc.list_value_length(conversations["comparisons"])
    )
    wanted = pc.and_(
        pc.is_in(conversations["consent"], pa.array(consents, pa.string())), pc.greater(counts, 0)
    )
    chosen = pc.and_(wanted, pc.invert(conversations["erased"]))
    if pc.all(chosen, min_count=0).as_py():  # one conversation may be 50 MB: no copy
        return conversations.combine_chunks()
    return conversations.filter(chosen).combine_chunks()


def view(table: Any) -> View:
    """Take canonical rows apart; `table` has one row or more."""
    messages, message_starts = _flat(table["messages"])
    feedback, feedback_starts = _flat(table["feedback"])
    content = pc.struct_field(messages, "content")
    corrections = pc.struct_field(feedback, "correction")
    lines = _lines(messages, content)
    offered = [(tools or "").strip() not in _NO_TOOLS for tools in table["tools"].to_pylist()]
    answer_tools = pc.struct_field(messages, "tools").to_pylist()
    corrected = corrections.null_count < len(corrections)
    without_tools = not any(lines.tools) and not any(offered) and not any(answer_tools)
    return View(
        table,
        messages,
        message_starts,
        lines,
        pa.concat_arrays([content, corrections]) if corrected else content,
        [*lines.sizes, *_sizes(corrections).tolist()] if corrected else lines.sizes,
        _feedback(feedback),
        feedback_starts,
        table["comparisons"].to_pylist(),
        table["user_id"].to_pylist(),
        offered,
        answer_tools,
        without_tools,
        [] if without_tools else _tool_sizes(messages).tolist(),
        [] if without_tools else _sizes(table["tools"]).tolist(),
    )


def offers(tools: str | None, *, otherwise: bool) -> bool:
    """Whether an answer was given with tools at hand; None takes the conversation's word."""
    return otherwise if tools is None else tools.strip() not in _NO_TOOLS


def _flat(column: Any) -> tuple[Any, list[int]]:
    lengths = pc.list_value_length(column).to_numpy()
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    array = column.combine_chunks()
    return (array.chunk(0) if isinstance(array, pa.ChunkedArray) else array).flatten(), starts.tolist()


def _lines(messages: Any, content: Any) -> Messages:
    def column(name: str) -> Any:
        return pc.struct_field(messages, name)

    called = pc.greater(pc.list_value_length(column("tool_calls")), 0)
    whole = pc.and_(pc.equal(pc.list_value_length(column("attachments")), 0), pc.invert(column("orphan")))
    return Messages(
        column("message_id").to_pylist(),
        column("parent_id").to_pylist(),
        _names(column("role")),
        _names(column("status")),
        pc.binary_length(content).to_pylist(),
        pc.and_(whole, pc.is_in(column("role"), pa.array(SPEAKERS))).to_pylist(),
        pc.or_(called, pc.equal(column("role"), "tool")).to_pylist(),
    )


def _sizes(texts: Any) -> Any:
    """Bytes of each text, 0 for none."""
    return pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)


def _tool_sizes(messages: Any) -> Any:
    sizes = _sizes(pc.struct_field(messages, "tools")).astype(np.int64)
    calls = pc.struct_field(messages, "tool_calls")
    values, lengths = calls.flatten(), pc.fill_null(pc.list_value_length(calls), 0).to_numpy()
    of_calls = sum(_sizes(pc.struct_field(values, name)) for name in ("id", "name", "arguments"))
    np.add.at(sizes, np.repeat(np.arange(len(lengths)), lengths), of_calls)
    return sizes


def _names(column: Any) -> list[Any]:
    """Values of which there are few, each one object."""
    encoded = column.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    return [names[index] for index in encoded.indices.to_pylist()]


def _feedback(feedback: Any) -> list[dict[str, Any]]:
    columns = [pc.struct_field(feedback, name).to_pylist() for name in _JUDGED]
    rater = pc.struct_field(feedback, "rater")
    raters = zip(
        *(pc.struct_field(rater, name).to_pylist() for name in ("kind", "id", "version")), strict=True
    )
    return [
        {**dict(zip(_JUDGED, values, strict=True)), "rater": who}
        for who, *values in zip(raters, *columns, strict=True)
    ]
