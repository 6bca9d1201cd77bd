"""What was said in a conversation, without ids and times: as a test expects it, in state, and in a row.

Messages are named by their text, so the texts of a conversation must differ from each other.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.snapshots import FigureId
from plaudit_schemas.contract.feedback import VALUE_KINDS

from tests.support.sinks import Row

UNTIMED = frozenset(("dwell_seconds",))
"""Signals that depend on how fast a test runs. They are left out."""


class SaidMessage(NamedTuple):
    """A message; `parent` is the text of the message that it answers."""

    role: str
    text: str
    parent: str = ""
    status: str = "complete"
    model: str = ""


class Judged(NamedTuple):
    """The last word of the user in one slot. `about` None is the whole chat; a `value` None is withdrawn."""

    about: str | None
    kind: str
    aspect: str
    value: Any
    comment: str = ""


class Compared(NamedTuple):
    """A comparison: candidates as they were shown, and texts best first, each with its ties."""

    candidates: tuple[str, ...]
    ranking: tuple[frozenset[str], ...]
    none_acceptable: bool = False


@dataclass
class SaidChat:
    """Everything that was said in a conversation."""

    messages: Counter[SaidMessage] = field(default_factory=Counter)
    judged: Counter[Judged] = field(default_factory=Counter)
    compared: Counter[Compared] = field(default_factory=Counter)
    consent: str = "unspecified"
    end: str = ""

    def as_row(self) -> "SaidChat":
        """The same as a row has it: what was withdrawn is not in it."""
        return replace(self, judged=Counter(word for word in self.judged if word.value is not None))


def from_state(document: Row) -> SaidChat:
    """What a conversation's state holds, as `plaudit conversation --json` prints it."""
    feedback = [
        {**slot["feedback"], "message_id": slot.get("message_id"), "value": _value_of(slot["feedback"])}
        for slot in document["feedback"]
    ]
    end = document["end"] or {}
    return _said(document, feedback, end.get("reason", "") if not document["open"] else "")


def from_row(row: Row) -> SaidChat:
    """What a row of `conversations` holds."""
    feedback = [{**one, "value": _value_in(one)} for one in row["feedback"]]
    return _said(row, feedback, row["end_reason"])


def _said(document: Row, feedback: Iterable[Row], end: str) -> SaidChat:
    texts = {one["message_id"]: one["content"] for one in document["messages"]}
    assert len(set(texts.values())) == len(texts), f"texts name messages: {sorted(texts.values())}"
    return SaidChat(
        messages=Counter(_message(one, texts) for one in document["messages"]),
        judged=Counter(
            Judged(_about(one, texts), one["kind"], one["aspect"], one["value"], one.get("comment") or "")
            for one in feedback
            if one.get("signal") not in UNTIMED
        ),
        compared=Counter(_comparison(one, texts) for one in document["comparisons"]),
        consent=document.get("consent") or "unspecified",
        end=end,
    )


def _message(message: Row, texts: dict[str, str]) -> SaidMessage:
    parent = message.get("parent_id") or ""
    model = (message.get("model") or {}).get("id") or ""
    status = message.get("status") or "complete"
    return SaidMessage(message["role"], message["content"], texts[parent] if parent else "", status, model)


def _about(feedback: Row, texts: dict[str, str]) -> str | None:
    message_id = feedback["message_id"]
    return None if message_id is None else texts[message_id]


def _comparison(one: Row, texts: dict[str, str]) -> Compared:
    return Compared(
        tuple(texts[name] for name in one["candidates"]),
        tuple(frozenset(texts[name] for name in group) for group in one["ranking"]),
        bool(one.get("none_acceptable")),
    )


def _value_of(feedback: Row) -> Any:
    """The value in a slot of the state."""
    if "value" not in feedback:
        return None
    name, fields = feedback["value"]
    columns = {
        "thumb": "like",
        "number": "number",
        "label": "labels",
        "text": "text",
        "correction": "content",
        "signal": "name",
    }
    return _plain(fields[columns[VALUE_KINDS[name]]])


def _value_in(feedback: Row) -> Any:
    """The value in the columns of a row."""
    kind = feedback["kind"]
    return _plain(feedback["labels" if kind == "label" else kind])


def _plain(value: Any) -> Any:
    return (tuple(sorted(value)) or None) if isinstance(value, list) else value


def figures_of(chats: Iterable[SaidChat], model: str) -> dict[str, tuple[float, int]]:
    """What the figures of a model must be: name, with scale where there is one -> value and count.

    Args:
        chats: their messages in the order of the log, which says what answer to a message is the last one.
    """
    answers, covered, regenerated = 0, 0, 0
    votes: dict[str, list[float]] = {}
    for chat in chats:
        last = {one.parent: one.text for one in chat.messages if one.role == "assistant"}
        for one in chat.messages:
            if (one.role, one.model) != ("assistant", model):
                continue
            said = [word for word in chat.judged if word.about == one.text and word.value is not None]
            answers += 1
            covered += any(word.kind != "signal" for word in said)
            regenerated += last[one.parent] != one.text
            for word in said:
                if word.aspect == "satisfaction" and word.kind in ("thumb", "number"):
                    rating = (1.0, 5.0)[word.value] if word.kind == "thumb" else word.value
                    votes.setdefault(f"satisfaction {word.kind}", []).append(rating)
    found = {name: (sum(values) / len(values), len(values)) for name, values in votes.items()}
    return {
        **found,
        "coverage": (covered / answers, answers),
        "regeneration_rate": (regenerated / answers, answers),
        "messages_assistant": (float(answers), answers),
    }


def shown_figures(monitor: LineMonitor, model: str) -> dict[str, tuple[float | None, int]]:
    """The same figures as the line publishes them, over 24 hours."""
    monitor.poll()
    for snapshot in monitor.history.current():
        if (snapshot.window, snapshot.series.model, snapshot.series.variant) != (86_400, model, ""):
            continue
        names = {FigureId(name): name for name in ("coverage", "regeneration_rate", "messages_assistant")}
        for scale in ("thumb", "number"):
            names[FigureId("satisfaction", "user", scale, "message")] = f"satisfaction {scale}"
        return {
            names[which]: (value.value, value.count)
            for which, value in snapshot.figures.items()
            if which in names and value.count
        }
    return {}
