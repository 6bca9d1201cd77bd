"""Items as Redis holds them (`shared.lua`) -> what callers get."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from plaudit_schemas.review.changes import Answers, Reason
from plaudit_schemas.review.claims import ClaimedItem, FoundItem, QueueProgress, ReviewedItem
from plaudit_schemas.review.targets import ReviewTarget

if TYPE_CHECKING:
    from plaudit_schemas.review.rubric import TargetKind

Fields = dict[str, bytes]


def fields_of(flat: Sequence[bytes]) -> Fields:
    """A hash as a flat list -> its fields."""
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def reviewed_item(item: str, fields: Fields) -> ReviewedItem:
    """An item with what was said of it."""
    verdicts: dict[str, Answers] = {}
    surplus: dict[str, Answers] = {}
    answered_ms = {}
    declined, adjudicated = {}, {}
    for name, value in fields.items():
        kind, _, reviewer = name.partition(":")
        if kind == "about":
            about = json.loads(value)
            if "class" in about:
                into = verdicts if about["class"] == "verdict" else surplus
                into[reviewer] = _answers(fields, reviewer)
                answered_ms[reviewer] = int(about["at"])
        elif kind == "reason":
            declined[reviewer] = value.decode()
        elif kind == "settled":
            adjudicated[reviewer] = _logged(value)
    return ReviewedItem(
        item, _target(fields["kind"], fields["conversation"], fields["message"]), _reasons(fields["reasons"]),
        verdicts, surplus, {name: said for name, said in adjudicated.items() if said}, declined, answered_ms,
        json.loads(fields.get("machine", b"{}")),
    )  # fmt: skip


def found_item(item: str, fields: Fields, context: bytes) -> FoundItem:
    """An item as it stands."""
    submissions = {}
    for name, value in fields.items():
        about = json.loads(value) if name.startswith("about:") else {}
        if "class" in about and "submission" in about:
            submissions[name.removeprefix("about:")] = about["submission"]
    return FoundItem(reviewed_item(item, fields), context, submissions)


def claimed_item(item: str, answer: Sequence[bytes]) -> ClaimedItem:
    """The answer of `claim.lua`, without its first word."""
    kind, conversation, message, reasons, context, until, now = answer
    return ClaimedItem(
        item,
        _target(kind, conversation, message),
        _reasons(reasons),
        context,
        int(until),
        int(until) - int(now),
    )


def queue_progress(fields: Fields) -> QueueProgress:
    """The summary of a queue."""
    counted = {name: int(value) for name, value in fields.items() if value.isdigit()}
    reasons = {
        cast("Reason", name.removeprefix("items:")): (
            items,
            counted.get(f"done:{name.removeprefix('items:')}", 0),
        )
        for name, items in counted.items()
        if name.startswith("items:") and items
    }
    items, done, verdicts, surplus, leased, declined = (
        counted.get(name, 0) for name in ("items", "done", "verdicts", "surplus", "leased", "declined")
    )
    is_ready = fields.get("ready") == b"1"
    return QueueProgress(items, done, verdicts, surplus, leased, declined, reasons, is_ready)


def _target(kind: bytes, conversation: bytes, message: bytes) -> ReviewTarget:
    return ReviewTarget(cast("TargetKind", kind.decode()), conversation.decode(), message.decode())


def _reasons(lines: bytes) -> tuple[Reason, ...]:
    return cast("tuple[Reason, ...]", tuple(lines.decode().split("\n")))


def _answers(fields: Fields, reviewer: str) -> dict[str, Any]:
    own = fields.get(f"own:{reviewer}")
    if own is not None:
        return {question: json.loads(answer) for question, answer in json.loads(own).items()}
    return _logged(fields.get(f"log:{reviewer}", b"{}"))


def _logged(value: bytes) -> dict[str, Any]:
    said: Mapping[str, Mapping[str, str]] = json.loads(value)
    return {question: json.loads(each["a"]) for question, each in said.items() if "a" in each}
