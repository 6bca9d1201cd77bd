"""Merges amendments into canonical rows: what was said of a conversation after its revision had finished.

Whose word holds in a slot is decided as by the fold (`contract.words`). A canonical row does not tell the
place of a word, but it came before the revision finished, so a word that was given after that holds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.contract.words import Word, add_word, earlier_word, holder, place_of, rater_slot

from plaudit_consumers.rows.schemas import COMPARISON, FEEDBACK, list_of

Row = dict[str, Any]
Amendment = Mapping[str, Any]
"""A row of AMENDMENTS."""
Slot = tuple[str, str]
"""What kind of word, and whose place it takes among its kind."""
Fate = Literal["merged", "overruled", "in_revision", "unknown_message"]
"""What became of an amendment: it holds, another word holds, the revision has it, or it names a message that
the conversation does not have."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_VALUES: Final = ("thumb", "number", "labels", "text", "correction", "signal_number", "spans")
"""The columns of a feedback's value. All of them are empty in a withdrawal."""
_FEEDBACK, _COMPARISON, _EXCLUSION = "feedback", "comparison", "exclusion"


class LateWord(NamedTuple):
    """An amendment to merge.

    Attributes:
        after: whether its event came after the one that finished the revision.
    """

    amendment: Amendment
    after: bool


class LateWords(NamedTuple):
    """What is merged into one canonical row.

    Attributes:
        words: each event once, in the order of the log.
        excluded_ids: what the conversation's latest revision excludes: ids of messages, and an empty id for
            the conversation. None if the row is of the latest revision.
        latest_finished_at: when the latest revision finished, in microseconds.
    """

    words: Sequence[LateWord]
    excluded_ids: Sequence[str] | None
    latest_finished_at: int


def merge_late_words(conversations: Any, late: Sequence[LateWords]) -> tuple[Any, Counter[Fate]]:
    """Merge amendments into canonical rows. Returns the rows, and the number of amendments by fate.

    Args:
        conversations: a table of schema CONVERSATIONS without erased rows.
        late: for each of its rows.
    """
    table = conversations.combine_chunks()
    messages = _Messages(table["messages"])
    rows = [
        _Conversation(row, ids, of_row)
        for row, ids, of_row in zip(
            table.select(["feedback", "comparisons", "user_id", "finished_at", "excluded"]).to_pylist(),
            messages.by_row(),
            late,
            strict=True,
        )
    ]
    fates: Counter[Fate] = Counter()
    for row in rows:
        fates.update(row.merge())
    columns = {
        "messages": messages.with_exclusions([row.excluded_ids for row in rows]),
        "feedback": pa.array([row.feedback for row in rows], list_of(FEEDBACK)),
        "comparisons": pa.array([row.comparisons for row in rows], list_of(COMPARISON)),
        "excluded": pa.array(["" in row.excluded_ids for row in rows], pa.bool_()),
    }
    merged = [columns.get(name, table[name]) for name in table.column_names]
    return pa.table(merged, schema=table.schema), fates


class _Messages:
    """The column `messages`: the ids of each row, and which of them are excluded."""

    def __init__(self, column: Any) -> None:
        chunk = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        self._type, self._structs = column.type, chunk.flatten()
        self._ends = np.cumsum(pc.fill_null(pc.list_value_length(chunk), 0).to_numpy())
        self._ids = pc.struct_field(self._structs, "message_id").to_pylist()
        self._excluded = pc.struct_field(self._structs, "excluded").to_pylist()

    def by_row(self) -> Iterator[dict[str, bool]]:
        """Of each row: message id -> whether the message is excluded."""
        for start, end in self._spans():
            yield dict(zip(self._ids[start:end], map(bool, self._excluded[start:end]), strict=True))

    def with_exclusions(self, excluded_ids: Sequence[set[str]]) -> Any:
        """The column, where exactly the messages of these ids are excluded."""
        flags: list[bool] = []
        for (start, end), ids in zip(self._spans(), excluded_ids, strict=True):
            flags += [message_id in ids for message_id in self._ids[start:end]]
        kind = self._structs.type
        fields = self._structs.flatten()
        fields[kind.get_field_index("excluded")] = pa.array(flags, pa.bool_())
        structs = pa.StructArray.from_arrays(fields, fields=list(kind))
        offsets = pa.array(np.append(0, self._ends), pa.int32())
        return pa.ListArray.from_arrays(offsets, structs, type=self._type)

    def _spans(self) -> Iterator[tuple[int, int]]:
        ends = self._ends.tolist()
        return zip([0, *ends], ends, strict=False)


class _Conversation:
    """One canonical row and the amendments to it.

    Attributes:
        feedback, comparisons, excluded_ids: as they stand; `merge` changes them.
    """

    def __init__(self, row: Row, messages: Mapping[str, bool], late: LateWords) -> None:
        self.feedback: list[Row] = row["feedback"] or []
        self.comparisons: list[Row] = row["comparisons"] or []
        self._messages, self._late, self._user_id = messages, late, row["user_id"]
        self._finished_at = _micros(row["finished_at"])
        if late.excluded_ids is None:
            self.excluded_ids = {message_id for message_id, excluded in messages.items() if excluded}
            self.excluded_ids |= {""} if row["excluded"] else set()
        else:
            self.excluded_ids = set(late.excluded_ids)
        self._event_ids = {item["event_id"] for item in (*self.feedback, *self.comparisons)}

    def merge(self) -> Iterator[Fate]:
        """Merge the amendments. Yields the fate of each."""
        slots: dict[Slot, list[Word]] = {}
        taken: list[tuple[str, Slot]] = []
        for late in self._late.words:
            fate = self._fate_at_once(late.amendment)
            if fate is not None:
                yield fate
                continue
            slot, said = self._slot_and_said(late.amendment)
            if slot not in slots:
                slots[slot] = self._words_of(slot)
            words = slots[slot]
            # The fold compared the words before the revision's end. A word before it may fill a slot that
            # the revision leaves empty, but overrules nothing of it.
            if late.after or slot[0] == _EXCLUSION or all(word.event_id for word in words):
                add_word(words, _word(late.amendment, said))
            taken.append((late.amendment["event_id"], slot))
        held = {slot: holder(words) for slot, words in slots.items()}
        self._take_over(held)
        for event_id, slot in taken:
            yield "merged" if held[slot].event_id == event_id else "overruled"

    def _fate_at_once(self, amendment: Amendment) -> Fate | None:
        """The fate of an amendment that is no candidate in any slot."""
        if amendment["event_id"] in self._event_ids:
            return "in_revision"
        comparison = amendment["comparison"]
        named = comparison["candidates"] if comparison else [amendment["message_id"]]
        is_known = all(message_id is None or message_id in self._messages for message_id in named)
        return None if is_known else "unknown_message"

    def _slot_and_said(self, amendment: Amendment) -> tuple[Slot, Any]:
        feedback, comparison = amendment["feedback"], amendment["comparison"]
        if feedback:
            return (_FEEDBACK, self._slot_of(feedback)), feedback
        if comparison:
            return (_COMPARISON, comparison["comparison_id"]), comparison
        return (_EXCLUSION, amendment["message_id"] or ""), amendment["exclusion"]["excluded"]

    def _words_of(self, slot: Slot) -> list[Word]:
        """What the revision says in a slot."""
        kind, name = slot
        if kind == _EXCLUSION:
            # In doubt it stays out: only a word that was given after the revision lets it in again.
            is_out = name in self.excluded_ids
            return [earlier_word(self._late.latest_finished_at, True)] if is_out else []
        if kind == _COMPARISON:
            found = [item for item in self.comparisons if item["comparison_id"] == name]
        else:
            found = [item for item in self.feedback if self._slot_of(item) == name]
        words: list[Word] = []
        for item in found:
            at = _micros(item["occurred_at"]) if item["occurred_at"] else 0
            add_word(words, earlier_word(min(at, self._finished_at), item))
        return words

    def _take_over(self, held: Mapping[Slot, Word]) -> None:
        """Let each slot say what holds in it."""
        comparisons = {item["comparison_id"]: item for item in self.comparisons}
        feedback = [item for item in self.feedback if (_FEEDBACK, self._slot_of(item)) not in held]
        for (kind, name), word in held.items():
            if kind == _EXCLUSION:
                (self.excluded_ids.add if word.said else self.excluded_ids.discard)(name)
            elif kind == _COMPARISON:
                comparisons[name] = word.said
            elif not _is_withdrawn(word.said):
                feedback.append(word.said)
        self.comparisons = list(comparisons.values())
        self.feedback = sorted(feedback, key=self._slot_of)  # the order of a finished conversation

    def _slot_of(self, feedback: Row) -> str:
        return rater_slot(feedback["message_id"] or "", feedback, self._user_id)


def _word(amendment: Amendment, said: Any) -> Word:
    """The word of an amendment's event."""
    at, arrived_ms = _micros(amendment["occurred_at"]), _micros(amendment["arrived_at"]) // 1000
    held_ms, sequence = amendment["held_ms"], amendment["sequence"]
    counted = amendment["producer"] is not None and sequence is not None
    return Word(
        producer=amendment["producer"] if counted else "",
        sequence=sequence if counted else -1,
        place=at if held_ms is None else place_of(arrived_ms, held_ms),
        offset=amendment["source_offset"],
        at=at,
        event_id=amendment["event_id"],
        said=said,
    )


def _is_withdrawn(feedback: Row) -> bool:
    # A signal without a number looks the same as its withdrawal.
    return feedback["kind"] != "signal" and not any(
        feedback[column] is not None and feedback[column] != [] for column in _VALUES
    )


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
