"""Make an event small enough for its topic: cut its longest texts."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ADD_MESSAGE, CORRECTION

from plaudit_producers.sdk.fitting import fitting_text
from plaudit_producers.sdk.repair_notes import Repair

_KEPT: Final = 4096  # of a text that is cut, in bytes; a shorter one is not worth cutting
_LEFT_OUT: Final = frozenset(("tools", "parameters"))  # JSON, of which a part is worth nothing
_TEXTS: Final = frozenset(
    ("content", "reasoning", "arguments", "comment", "text", "reason", "finish_reason", *_LEFT_OUT)
)
_TEXT_MAPS: Final = frozenset(("metadata", "tags", "variants"))


class _Place(NamedTuple):
    size: int
    holder: Record
    name: str
    field: str


def shrink(record: Record, excess: int) -> list[Repair]:
    """Cut an event's longest texts in place. Returns what was done; nothing if no text is worth cutting.

    Args:
        excess: how many bytes the event takes too many.
    """
    done: list[Repair] = []
    kind, body = record["body"]
    for place in sorted(_places(body), key=lambda each: -each.size):
        if excess <= 0 or place.size <= _KEPT:
            break
        if place.field in _LEFT_OUT:
            del place.holder[place.name]
            excess -= place.size
            done.append(Repair("omitted", place.field))
            continue
        text = fitting_text(place.holder[place.name], max(_KEPT, place.size - excess))
        excess -= place.size - len(text.encode())
        place.holder[place.name] = text
        done.append(Repair("cut", place.field))
        if kind == ADD_MESSAGE and place.field not in _TEXT_MAPS and body.get("status") in (None, "complete"):
            body["status"] = "cut"
    return done


def _places(node: Any, field: str = "") -> Iterator[_Place]:
    """Every text that may be cut. A correction may not: it would teach the mark."""
    if isinstance(node, tuple):
        if node[0] != CORRECTION:
            yield from _places(node[1])
    elif isinstance(node, list):
        for item in node:
            yield from _places(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                if field or name in _TEXTS:
                    yield _Place(len(value.encode()), node, name, field or name)
            else:
                yield from _places(value, name if name in _TEXT_MAPS else "")
