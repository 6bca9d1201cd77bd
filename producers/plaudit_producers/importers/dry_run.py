"""Shows what an import would send, and sends nothing."""

import json
from typing import Any, Final, TextIO

from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.names import ADD_MESSAGE, COMPARE_MESSAGES, UPDATE_MESSAGE, short_name
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.contract.records import validate

from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.encoding import encode_within_limit
from plaudit_producers.sdk.pipeline import PackedEvent

SHOWN: Final = 10
"""How many events are shown."""
_TEXT: Final = 100  # characters of a text that are shown


class DryRun:
    """A destination that checks events as Kafka's would, prints the first ten, and drops all.

    Args:
        stream: takes the printed lines.
    """

    def __init__(self, stream: TextIO, aspects: Aspects | None = None) -> None:
        self._stream, self._aspects = stream, aspects or Aspects.none()
        self._encode = EventEncoder().encode
        self._shown = 0
        self._conversation = ""
        self._numbers: dict[str, int] = {}

    def pack(self, record: Record, *, enveloped: bool = False) -> PackedEvent:  # noqa: ARG002  # as producers'
        """Validate an event. Returns its Kafka key and, while there are lines to show, its line.

        Raises:
            InvalidEventError: it breaks the contract, or is too large.
            AspectError: it does not fit the declared aspects.
        """
        validate(record)
        self._aspects.check(record)
        encode_within_limit(self._encode, record)  # what Kafka would not get is refused here, too
        line = json.dumps(record, default=repr).encode() if self._shown < SHOWN else b""
        return conversation_key(record["application"], record["conversation_id"]), line

    def send_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None = None) -> None:  # noqa: ARG002  # a producer's signature
        """Print the event if it is one of the first ten."""
        if self._shown < SHOWN:
            self._shown += 1
            self._show(json.loads(packed[1]))

    def _show(self, record: Record) -> None:
        if record["conversation_id"] != self._conversation:
            self._conversation, self._numbers = record["conversation_id"], {}
            self._tell(f"conversation {self._conversation} of {record['application']}")
        name, body = record["body"]
        self._tell(f"  {short_name(name)}: {self._words(name, body)}")

    def _tell(self, line: str) -> None:
        print(printable(line), file=self._stream)

    def _words(self, name: str, body: Record) -> str:
        if name == ADD_MESSAGE:
            number = self._numbers[body["message_id"]] = len(self._numbers) + 1
            above = body.get("parent_id")
            to = f" to {self._number(above)}" if above else ""
            return f"#{number}{to}, {body['role']}: {_shown(body['content'])}{_others(body, _OF_MESSAGE)}"
        if name == UPDATE_MESSAGE:
            said = body["feedback"]
            value = said.get("value")
            given = _shown(value[1]) if value else "withdrawn"
            about = self._number(body.get("message_id"))
            return f"{said['aspect']} of {about}, {said['kind']}: {given}{_others(said, _OF_FEEDBACK)}"
        if name == COMPARE_MESSAGES:
            ranking = " over ".join(" = ".join(map(self._number, group)) for group in body["ranking"])
            return f"{body.get('aspect', 'preference')}: {ranking}{_others(body, _OF_COMPARISON)}"
        return _others(body, ()).removeprefix(", ") or "nothing more"

    def _number(self, message_id: Any) -> str:
        if not message_id:
            return "the conversation"
        number = self._numbers.get(message_id)
        return str(message_id) if number is None else f"#{number}"


_OF_MESSAGE: Final = ("message_id", "parent_id", "role", "content")
_OF_FEEDBACK: Final = ("id", "aspect", "kind", "value", "signal")
_OF_COMPARISON: Final = ("comparison_id", "candidates", "ranking", "aspect")


def _others(fields: Record, told: tuple[str, ...]) -> str:
    """The fields that say something and are not told elsewhere."""
    silent: tuple[Any, ...] = (None, [], {}, {"kind": "user"})
    given = {name: _said(value) for name, value in fields.items() if name not in told}
    given = {name: value for name, value in given.items() if value not in silent}
    return "".join(f", {name} {_shown(value)}" for name, value in given.items())


def _said(value: Any) -> Any:
    """A value without the parts of it that are null."""
    return (
        {name: part for name, part in value.items() if part is not None} if isinstance(value, dict) else value
    )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}..."
