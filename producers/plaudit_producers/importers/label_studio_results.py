"""The results of a Label Studio annotation, one for each control that a person used.

An export does not hold the labelling configuration, so a control's name becomes the aspect of what was said.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from plaudit_producers.importers.annotations import (
    Given,
    compare,
    comparison_aspect,
    is_correction,
    pick,
    rank,
    rating_aspect,
    span_of,
)
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.shown_fields import ShownFields

_SIDES: Final = ("left", "right")
_STARS: Final = 5  # the default of the tag Rating; an export does not tell another one
_MORE_STARS: Final = 10
_SPANS: Final = ("labels", "hypertextlabels", "paragraphlabels")

Result = ReadRecord


def add_results(chat: Chat, shown: ShownFields, results: Sequence[Result], given: Given) -> None:
    spans: dict[tuple[str, str], list[Result]] = {}
    for result in expect(results, list, "result"):
        kind, name = result["type"], result.get("from_name")  # a relation has no control
        result.skip("id", "origin")
        sure = {**given, "confidence": result["score"]} if isinstance(result.get("score"), float) else given
        if kind in _SPANS:
            named = (as_text(result["from_name"]), result.get("to_name") or "")
            spans.setdefault(named, []).append(result["value"])
        elif kind not in _KINDS:
            chat.note(f"a result of type {kind}{f' ({name})' if name else ''} is not imported")
        else:
            _KINDS[kind](chat, shown, result, sure)
    for (name, about), values in spans.items():
        _add_spans(chat, shown, values, name, about, given)


def _about(chat: Chat, shown: ShownFields, result: Result) -> str | None:
    """The message that a result is about, or None for the chat, of which the report then has a note."""
    found = shown.judged(result.get("to_name") or "")
    if found is None:
        chat.note(f"{result['from_name']} names no field of the task, so it is about the whole chat")
        return None
    return shown.messages[found]


def _add_pairwise(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    selected = result["value"]["selected"]
    if selected not in _SIDES:
        raise ValueError(f"selected must be left or right, not {selected!r}")
    names = [shown.named(name) for name in names_of(result.get("to_name") or "")]
    pair = [name for name in names if name is not None]
    if len(pair) != 2:  # the tags have other names than the fields
        pair = shown.answers
    if len(pair) != 2:
        raise ValueError(f"{result['from_name']} compares two objects, but the task has {len(pair)} answers")
    best = _SIDES.index(selected)
    compare(
        chat, shown, pair, [[pair[best]], [pair[1 - best]]], comparison_aspect(result["from_name"]), given
    )


def _add_rating(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    stars, aspect = result["value"]["rating"], rating_aspect(result["from_name"])
    if stars == 0:  # the stars were cleared
        return
    most = _STARS if stars <= _STARS else _MORE_STARS
    chat.rate(_about(chat, shown, result), stars, minimum=1, maximum=most, aspect=aspect, **given)


def _add_number(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    # An export does not tell the scale, and a number on an unknown one is no rating.
    chat.signal(
        _about(chat, shown, result),
        result["from_name"],
        result["value"]["number"],
        aspect=result["from_name"],
        **given,
    )


def _add_choices(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    choices = expect(result["value"]["choices"], list, "choices")
    name = result["from_name"]
    if len(choices) == 1 and pick(chat, shown, choices[0], name, given):
        return
    if choices:
        chat.label(_about(chat, shown, result), choices, aspect=name, **given)


def _add_taxonomy(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    labels = [" > ".join(path) for path in result["value"]["taxonomy"]]
    if labels:
        chat.label(_about(chat, shown, result), labels, aspect=result["from_name"], **given)


def _add_text(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    text, name = result["value"]["text"], result["from_name"]
    texts = [text] if isinstance(text, str) else text
    about = _about(chat, shown, result)
    if (
        is_correction(name)
        and about is not None
        and len(texts) == 1
        and shown.judged(result.get("to_name") or "") in shown.answers
    ):
        chat.correct(about, texts[0], aspect=name, **given)
    elif texts:
        # One person's texts in one control are one answer: a second feedback would replace the first.
        chat.comment(about, "\n".join(texts), aspect=name, **given)


def _add_short_text(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    """Add a text of JSON_MIN, which has a single choice in the same way."""
    if not pick(chat, shown, result["value"]["text"][0], result["from_name"], given):
        _add_text(chat, shown, result, given)


def _add_ranker(chat: Chat, shown: ShownFields, result: Result, given: Given) -> None:
    value, name = result["value"]["ranker"], result["from_name"]
    lists = {"": value} if isinstance(value, list) else dict(value)
    if len(lists) == 1 and rank(chat, shown, [[each] for each in next(iter(lists.values()))], name, given):
        return
    for bucket, items in lists.items():
        for item in items if bucket != "_" else ():
            found = shown.named(item)
            if found is None:
                raise ValueError(f"{name} ranks {item}, which the task does not hold")
            chat.label(shown.messages[found], [bucket], aspect=name, **given)


def _add_spans(
    chat: Chat, shown: ShownFields, values: Sequence[Mapping[str, Any]], name: str, about: str, given: Given
) -> None:
    found = shown.judged(about)
    if found is None:
        raise ValueError(f"{name} marks parts of {about!r}, which is no field of the task")
    parts = [
        {"start": value["start"], "end": value["end"], "text": value.get("text"), "label": label}
        for value in values
        for label in value.get("labels")
        or value.get("hypertextlabels")
        or value.get("paragraphlabels")
        or ("",)
    ]
    chat.mark_spans(
        shown.messages[found], [span_of(shown.texts[found], part) for part in parts], aspect=name, **given
    )


_KINDS: Final[Mapping[str, Callable[[Chat, ShownFields, Result, Given], None]]] = {
    "pairwise": _add_pairwise,
    "rating": _add_rating,
    "number": _add_number,
    "choices": _add_choices,
    "taxonomy": _add_taxonomy,
    "textarea": _add_text,
    "text": _add_short_text,
    "ranker": _add_ranker,
}


def names_of(to_name: str) -> list[str]:
    return [name.strip() for name in to_name.split(",") if name.strip()]
