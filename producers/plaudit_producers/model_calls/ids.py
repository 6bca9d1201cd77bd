"""Ids of the messages of model calls. They follow from what was said (docs/decisions/0062).

An id is a hash of the conversation, of the message before, and of the message itself. So a history that comes
again, in the next call, from another process or through another integration, has the ids that it had before.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from plaudit_schemas.contract.events import ToolCall
from plaudit_schemas.contract.ulid import random_part

from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.sdk.message_ids import DISTINCT_CHARACTERS, carrying_id

_SYSTEM_LETTERS: Final = 40
_ENOUGH_LETTERS: Final = 16


class PlacedMessage(NamedTuple):
    """A message with its place in the tree of its conversation. `parent_id` is empty for a root."""

    message: CallMessage
    message_id: str
    parent_id: str


class NextPlace(NamedTuple):
    """Where the next message goes.

    Attributes:
        state: the hash that the next id follows from; that of the last message but those of the system that
            stand in the middle of a chat.
        parent_id: the last message; empty at the beginning.
    """

    state: str
    parent_id: str


def message_ids(
    conversation_id: str, given: Sequence[CallMessage], answers: Sequence[CallAnswer] = ()
) -> tuple[list[str], list[str]]:
    """The ids of the messages that a call was given, and of its answers."""
    placed, place = placed_messages(conversation_id, given, beginning_of(conversation_id))
    return [each.message_id for each in placed], answer_ids(conversation_id, place, answers)


def beginning_of(conversation_id: str) -> NextPlace:
    """The place of the first message of a conversation."""
    return NextPlace(_hash(b"conversation\0" + conversation_id.encode(errors="surrogatepass")), "")


def placed_messages(
    conversation_id: str, given: Iterable[CallMessage], place: NextPlace
) -> tuple[list[PlacedMessage], NextPlace]:
    """Place messages one after the other, and return them with the place of what follows them."""
    state, parent = place
    placed = []
    leading = not parent
    for message in given:
        leading = leading and message.role == "system"
        hashed = next_state(state, message_key(message, leading=leading))
        message_id = carrying_id(hashed, conversation_id)
        placed.append(PlacedMessage(message, message_id, parent))
        parent = message_id
        # Reminders that an application puts at the end of every call must not change the ids after them.
        if leading or message.role != "system":
            state = hashed
    return placed, NextPlace(state, parent)


def answer_ids(conversation_id: str, place: NextPlace, answers: Iterable[CallAnswer]) -> list[str]:
    """The ids of answers, which are siblings at one place. Equal answers have one id."""
    return [
        carrying_id(next_state(place.state, message_key(answer.message) + _failure(answer)), conversation_id)
        for answer in answers
    ]


def event_id_of(message_id: str) -> str:
    """The id of the event that adds a message of this module."""
    return f"pe-{state_of(message_id)}"


def derived_event_id(conversation_id: str, *said: str) -> str:
    """The id of another event of a conversation, which says these things."""
    text = json.dumps([conversation_id, *said])
    return f"pe-{_hash(b'event' + text.encode())}"


def state_of(message_id: str) -> str:
    """The hash in a message id of this module."""
    return message_id[3 : 3 + DISTINCT_CHARACTERS]


def next_state(state: str, key: bytes) -> str:
    """The hash of the message with this key, after the message with the hash `state`."""
    return _hash(state.encode() + key)  # a state has 26 characters, so this is not ambiguous


def message_key(message: CallMessage, *, leading: bool = False) -> bytes:
    """What distinguishes a message from others at its place.

    The reasoning does not: it is hardly ever sent back to the model. White space around a text does not
    either, nor how the arguments of a tool call are written. A system message at the beginning counts by its
    first letters: applications add the date or what they have looked up, and that must not make another chat.
    """
    if leading:
        return b"system\0" + _beginning(message.content).encode()
    text = message.content.strip().encode(errors="surrogatepass")
    if not (message.tool_calls or message.attachments):
        return b"%b\0%d\0%b" % (message.role.encode(), len(text), text)
    calls = [(call.name, _canonical(call)) for call in message.tool_calls]
    more = json.dumps([calls, [attachment.uri for attachment in message.attachments]])
    return b"%b\0%d\0%b%b" % (message.role.encode(), len(text), text, more.encode())


def _beginning(text: str) -> str:
    """The first letters of instructions: to the end of a line, but enough to tell roles apart."""
    letters = ""
    for each in text[: 4 * _SYSTEM_LETTERS]:
        if len(letters) == _SYSTEM_LETTERS or (each == "\n" and len(letters) >= _ENOUGH_LETTERS):
            break
        letters += each if each.isalpha() else ""
    return letters


def _failure(answer: CallAnswer) -> bytes:
    """Tells a failed call from an empty answer. A cut answer may come back in the history as it is."""
    return b"\0error" if answer.status == "error" else b""


def _canonical(call: ToolCall) -> str:
    """The arguments of a call, however their JSON is written."""
    try:
        return json.dumps(json.loads(call.arguments), sort_keys=True)
    except (ValueError, RecursionError):  # a stream that was cut in the middle
        return call.arguments


def _hash(data: bytes) -> str:
    hashed = blake2b(data, digest_size=DISTINCT_CHARACTERS, person=b"plaudit", usedforsecurity=False)
    return random_part(hashed.digest())
