"""Decides whose word holds where several were given: of the raters of one slot, or of a conversation's facts.

Each producer has one candidate, its word with the highest sequence. The candidate with the largest place
holds; the log's order breaks ties. A place is a time by the broker's clock alone: arrival less the time that
the event waited on its producer's machine. Each producer has one candidate and places are ordered, so there
is no cycle, and the result does not depend on the order in which the words arrive. Only the bound on the
number of candidates could make it do so.

The fold decides by this on events, and the snapshot builder on amendments.
"""

from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple

CANDIDATES: Final = 32
"""The most producers whose words are kept for one slot. Past it the earliest word goes."""


class Word(NamedTuple):
    """What one event said, with what decides on it. A list of these is JSON in the state.

    Attributes:
        producer: empty if the event names none, or has no sequence.
        place: microseconds.
        offset: -1 for a word whose offset is not known, as under rules version 1.
        at: event time, in microseconds.
    """

    producer: str
    sequence: int
    place: int
    offset: int
    at: int
    event_id: str
    said: Any


def place_of(arrived_ms: int, held_ms: int) -> int:
    """The place of a word, in microseconds: when its producer could have sent it, by the broker's clock."""
    return (arrived_ms - held_ms) * 1000


def earlier_word(at: int, said: Any) -> Word:
    """A word of which only the event time is known, as of those that a state held under rules version 1."""
    return Word("", -1, at, -1, at, "", said)


def add_word(words: list[Word], word: Word) -> Word:
    """Add a word to the candidates of a slot, in place. Returns the word that holds."""
    known = next((at for at, one in enumerate(words) if one.producer == word.producer), None)
    if known is None:
        words.append(word)
        if len(words) > CANDIDATES:
            words.remove(min(words, key=_order))
    elif _is_later(word, words[known]):
        words[known] = word
    return holder(words)


def holder(words: Sequence[Word]) -> Word:
    """The word that holds among candidates; there must be at least one."""
    return max(words, key=_order)


def rater_slot(message_id: str, feedback: Mapping[str, Any], user_id: str | None) -> str:
    """The slot that a feedback fills: one rater's one value of a kind, for one aspect of one message.

    The conversation's user has one slot, whether a rater names them by id or not. The version of a rater of
    kind model is part of its slot, so versions of a judge stand side by side.

    Args:
        message_id: empty for the whole conversation.
        user_id: the conversation's user, if known.
    """
    rater = feedback["rater"]
    kind, rater_id = rater["kind"], rater.get("id") or ""
    if kind == "user" and rater_id and rater_id == user_id:
        rater_id = ""
    judge = (rater.get("version") or "") if kind == "model" else ""
    return slot_name(message_id, kind, rater_id, feedback, *([judge] if judge else []))


def slot_name(message_id: str, kind: str, rater_id: str, feedback: Mapping[str, Any], *judge: str) -> str:
    """A slot's name, a JSON list: message, rater's kind and id, aspect, kind of value, signal, judge."""
    # JSON, because an id may hold any character that could separate the parts.
    parts = (message_id, kind, rater_id, feedback["aspect"], feedback["kind"], feedback.get("signal") or "")
    return f"[{', '.join(map(encode_basestring, (*parts, *judge)))}]"  # as `json.dumps`, at a quarter of it


def _order(word: Word) -> tuple[int, int]:
    return word.place, word.offset


def _is_later(word: Word, known: Word) -> bool:
    """Whether a word replaces the candidate of its own producer."""
    if word.producer:
        return word.sequence > known.sequence
    return _order(word) > _order(known)
