"""The ids of one chat's events, which follow from what they say and not from where they stand.

A chat is built with placeholders, since its identity may be the content of all of its messages. `Naming`
replaces them. Its rules are those of docs/decisions/0052.
"""

import json
from collections import Counter
from typing import Any, Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    END_CONVERSATION,
    START_CONVERSATION,
    UPDATE_MESSAGE,
)

from plaudit_producers.importers.ids import EPOCH, DerivedIds, digest_of
from plaudit_producers.importers.seen_chats import SeenChats

_PLACEHOLDER: Final = "\0"  # no id of a file begins so
_TOLD_APART_BY: Final = ("user_id", "model", "session")


def placeholder(kind: str, number: int) -> str:
    """An id that `Naming` replaces."""
    return f"{_PLACEHOLDER}{kind} {number}"


def is_placeholder(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_PLACEHOLDER)


class Naming:
    """Names one chat and everything in it.

    Args:
        records: the chat's events, with placeholders. They are changed in place.
        answers: for the placeholder of an answer that is named by its text, how many answers of the same text
            to the same message come before it.
        versions: for the placeholder of an event, the version of the record that says it.

    Attributes:
        contents: once all is named, the ids of the messages and digests of all that they say.
    """

    def __init__(
        self, records: list[Record], answers: dict[str, int], versions: dict[str, str] | None = None
    ) -> None:
        self._records, self._answers, self._versions = records, answers, versions or {}
        self._messages = [body for name, body in _bodies(records) if name == ADD_MESSAGE]
        self._ids: dict[str, str] = {}
        self.contents: list[tuple[str, bytes]] = []

    def content_digest(self) -> bytes:
        """Digest what the messages say and who answers whom, in any order of siblings."""
        paths: dict[str, bytes] = {}
        before = b""
        for body in self._messages:
            parent = body.get("parent_id")
            above = before if parent is None else paths.get(str(parent), b"")
            calls = _canonical(body["tool_calls"]) if body.get("tool_calls") else ""
            said = (_text(body["role"]), _text(body["content"]), calls)
            before = paths[body["message_id"]] = digest_of(above, *said)
        facts = [_canonical(fact) for fact in self._facts()]
        return digest_of(*facts, *sorted(paths.values()))

    def name_all(self, format_name: str, identity: tuple[str, ...], seen: SeenChats, again: str) -> str:
        """Replace all placeholders. Returns the conversation's id.

        Args:
            identity: the file's own id of the chat; empty if it has none.
            again: part of every event's id; see `ImportOptions`.
        """
        if identity:
            key = DerivedIds(EPOCH, format_name, "own", *identity)
        else:
            content = self.content_digest()
            key = DerivedIds(EPOCH, format_name, "content", content, str(seen.number_of(content)))
        self._name_messages(key)
        self._name_words(key)
        self._name_events(key, again)
        self._order_repeats(seen.run)
        return key("conversation")

    def _facts(self) -> list[Any]:
        starts = [body for name, body in _bodies(self._records) if name == START_CONVERSATION]
        return [start.get(name) for start in starts[:1] for name in _TOLD_APART_BY]

    def _name_messages(self, key: DerivedIds) -> None:
        """Name messages by their place in the tree, and rival answers by their text."""
        children: Counter[tuple[str, str]] = Counter()
        for body in self._messages:
            parent = body.get("parent_id")
            body["parent_id"] = above = None if parent is None else self._named(parent)
            role, made = _text(body["role"]), body["message_id"]
            if not is_placeholder(made):
                continue
            if made in self._answers:
                said = [_text(body["content"]), _canonical(body.get("tool_calls") or [])]
                parts = ["answer", _text(above), role, *said, str(self._answers[made])]
            else:
                parts = ["message", _text(above), role, str(children[_text(above), role])]
                children[_text(above), role] += 1
            body["message_id"] = self._ids[made] = key(*parts)

    def _name_words(self, key: DerivedIds) -> None:
        """Name feedback and comparisons by who judges what, so that a changed judgement keeps its id."""
        same: Counter[str] = Counter()
        for name, body in _bodies(self._records):
            if name == ADD_MESSAGE:
                continue
            if body.get("message_id") is not None:
                body["message_id"] = self._named(body["message_id"])
            if name == COMPARE_MESSAGES:
                _rename_ranking(body, self._named)
                subject = [
                    body.get("rater"),
                    body.get("aspect"),
                    body.get("item_id"),
                    _sorted(body["candidates"]),
                ]
                holder, field = body, "comparison_id"
            elif name == UPDATE_MESSAGE:
                holder, field = body["feedback"], "id"
                about = [holder.get(part) for part in ("rater", "aspect", "kind", "signal", "item_id")]
                subject = [body.get("message_id"), *about]
            else:
                continue
            if is_placeholder(holder[field]):
                text = _canonical(subject)
                holder[field] = key(field, text, str(same[text]))
                same[text] += 1

    def _name_events(self, key: DerivedIds, again: str) -> None:
        same: Counter[str] = Counter()
        conversation_id = key("conversation")
        for record in self._records:
            record["conversation_id"] = conversation_id
            if not is_placeholder(record["event_id"]):
                continue
            name, body = record["body"]
            said: Any = body
            if name == COMPARE_MESSAGES:  # the order in which a seed shows the candidates says nothing
                said = {**body, "candidates": _sorted(body["candidates"])}
            elif name == END_CONVERSATION:  # the end of a chat that has grown is another end
                said = [body, _sorted([message["message_id"] for message in self._messages])]
            text = f"{name} {_canonical(said)}"
            if record["event_id"] in self._versions:
                text += f" as of {self._versions[record['event_id']]}"
            if name == ADD_MESSAGE:
                self.contents.append((body["message_id"], digest_of(text)))
            record["event_id"] = key("event", again, text, str(same[text]))
            same[text] += 1

    def _order_repeats(self, run: str) -> None:
        """Number the words that replace each other, such as a like that is withdrawn later.

        Without numbers the times of their arrival would decide, which lie close together. The other events
        have none, see docs/decisions/0052.
        """
        slots: dict[str, list[Record]] = {}
        for record in self._records:
            name, body = record["body"]
            if name == UPDATE_MESSAGE:
                said = [body["feedback"].get(part) for part in ("rater", "aspect", "kind", "signal")]
                slots.setdefault(_canonical([body.get("message_id"), *said]), []).append(record)
        repeats = [record for words in slots.values() if len(words) > 1 for record in words]
        for number, record in enumerate(repeats):
            record["producer"], record["sequence"] = run, number

    def _named(self, message_id: Any) -> Any:
        return self._ids.get(message_id, message_id) if isinstance(message_id, str) else message_id


def _bodies(records: list[Record]) -> list[tuple[str, Record]]:
    return [record["body"] for record in records]


def _rename_ranking(body: Record, named: Any) -> None:
    body["candidates"] = [named(candidate) for candidate in body["candidates"]]
    body["ranking"] = [
        [named(candidate) for candidate in group] if isinstance(group, list) else group
        for group in body["ranking"]
    ]


def _sorted(values: list[Any]) -> list[str]:
    return sorted(map(_text, values))


def _text(value: Any) -> str:
    # A record may hold anything here; what is no text is refused later.
    return value if isinstance(value, str) else repr(value)


_canonical = json.JSONEncoder(sort_keys=True, default=repr).encode  # made once: `dumps` makes it each time
