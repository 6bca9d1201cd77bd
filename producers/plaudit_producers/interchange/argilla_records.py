"""Records and settings for Argilla 2, as its SDK reads them from JSON. Pure.

Shapes: `Record.to_dict` and `Settings.serialize` of the SDK, version 2.8.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.review.rubric import Rubric, RubricQuestion

from plaudit_producers.interchange.carried import CARRIED, carried_document, tie_name
from plaudit_producers.interchange.label_studio_config import (
    ANSWER,
    CHAT,
    DOWN,
    NONE_ACCEPTABLE,
    TIE,
    UP,
    comment_name,
)
from plaudit_producers.interchange.review_tasks import ReviewTask

_RATINGS: Final = range(11)
"""The numbers that Argilla's rating question takes."""


def argilla_settings(rubric: Rubric, *, answers: int) -> dict[str, Any]:
    """The settings of a dataset, for `rg.Settings.from_json`.

    Args:
        answers: the most answers that a record has.

    Raises:
        SettingsError: the rubric is for writing prompts, which needs no record.
    """
    if rubric.target == "topic":
        raise SettingsError(
            f"rubric {rubric.name} is for writing prompts by topic: write them on the console's page Review"
        )
    texts = [f"{ANSWER}{number}" for number in range(1, answers + 1)]
    questions = [each for question in rubric.questions for each in _questions(rubric, question, texts)]
    return {
        "guidelines": rubric.guidelines or rubric.title,
        "fields": [
            _part(CHAT, "Chat", {"type": "chat", "use_markdown": False}),
            *(
                _part(name, name, {"type": "text", "use_markdown": False}, required=number < _PAIR)
                for number, name in enumerate(texts)
            ),
        ],
        "questions": [*questions, _text_question(comment_name(rubric), "Comment", "", required=False)],
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": rubric.overlap},
        "mapping": None,
    }


def argilla_record(task: ReviewTask) -> dict[str, Any]:
    """One record, for `dataset.records.from_json`."""
    suggestions: dict[str, Any] = {}
    for each in task.suggestions:
        for name, answer in each.answers.items():
            question = task.carried.rubric.question(name)
            if question is not None and name not in suggestions:
                agent = f"{each.model}@{each.version}" if each.version else each.model
                suggestions[name] = {
                    "value": _suggested(task, question, answer), "score": each.share, "agent": agent,
                }  # fmt: skip
    return {
        "id": task.carried.address.id,
        "fields": {
            CHAT: [{"role": shown.role, "content": shown.text} for shown in task.chat],
            **{f"{ANSWER}{number}": text for number, text in enumerate(task.answers, 1)},
        },
        # As text: Argilla keeps numbers and texts as metadata, and no objects.
        "metadata": {CARRIED: json.dumps(carried_document(task.carried), ensure_ascii=False)},
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
        "status": "pending",
    }


_PAIR: Final = 2


def is_rating(question: RubricQuestion) -> bool:
    """Whether Argilla's rating question has room for a scale. Other scales are labels."""
    return question.kind == "rating" and {question.minimum, question.maximum} <= set(_RATINGS)


def _questions(rubric: Rubric, question: RubricQuestion, texts: list[str]) -> list[dict[str, Any]]:
    name, title, about = question.name, question.title, question.help
    if question.kind == "ranking":
        settings = {"type": "ranking", "options": _options(texts)}
        return [
            _part(name, title, settings, about, required=question.required),
            _labels(tie_name(rubric, name), title, (TIE, NONE_ACCEPTABLE)),
        ]
    if is_rating(question):
        numbers = range(question.minimum, question.maximum + 1)
        settings = {"type": "rating", "options": [{"value": number} for number in numbers]}
        return [_part(name, title, settings, about, required=question.required)]
    if question.kind in ("thumb", "rating", "label", "labels"):
        several = question.kind == "labels"
        return [_labels(name, title, _values(question), about, required=question.required, several=several)]
    return [_text_question(name, title, about, required=question.required)]


def _values(question: RubricQuestion) -> tuple[str, ...]:
    if question.kind == "thumb":
        return UP, DOWN
    if question.kind == "rating":
        return tuple(map(str, range(question.minimum, question.maximum + 1)))
    return question.labels


def _labels(
    name: str,
    title: str,
    values: tuple[str, ...],
    about: str = "",
    *,
    required: bool = False,
    several: bool = False,
) -> dict[str, Any]:
    kind = "multi_label_selection" if several else "label_selection"
    settings = {"type": kind, "options": _options(values), "visible_options": None}
    return _part(
        name, title, {**settings, "options_order": "natural"} if several else settings, about,
        required=required,
    )  # fmt: skip


def _text_question(name: str, title: str, about: str, *, required: bool) -> dict[str, Any]:
    return _part(name, title, {"type": "text", "use_markdown": False}, about, required=required)


def _options(values: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    return [{"text": value, "value": value} for value in values]


def _part(
    name: str, title: str, settings: Mapping[str, Any], about: str = "", *, required: bool = True
) -> dict[str, Any]:
    return {
        "name": name, "title": title, "description": about or None, "required": required,
        "settings": settings, "type": settings["type"],
    }  # fmt: skip


def _suggested(task: ReviewTask, question: RubricQuestion, answer: Any) -> Any:
    if question.kind == "ranking":
        names = {each: f"{ANSWER}{n}" for n, each in enumerate(task.carried.address.candidates, 1)}
        groups = enumerate(answer["groups"], 1)
        return [{"value": names[each], "rank": rank} for rank, group in groups for each in group]
    if question.kind == "thumb":
        return UP if answer else DOWN
    return answer if is_rating(question) or question.kind == "labels" else str(answer)
