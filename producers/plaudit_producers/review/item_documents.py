"""Items, queues and rubrics as the browser gets them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from plaudit_schemas.review.answers import level_of
from plaudit_schemas.review.claims import QueueProgress
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_producers.review.content import ItemContent, Message
from plaudit_producers.review.rendering import rendered
from plaudit_producers.review.suggestions import Suggestion


def rubric_document(rubric: Rubric) -> dict[str, Any]:
    """What a rubric tells reviewers beside its name: guidelines, questions and topics."""
    return {
        "lease_minutes": rubric.lease_minutes,
        "guidelines_html": rendered(rubric.guidelines),
        "questions": [_question(rubric, question) for question in rubric.questions],
        "topics": [
            {"name": topic.name, "prompts": topic.prompts, "help_html": rendered(topic.help)}
            for topic in rubric.topics
        ],
    }


def progress_document(progress: QueueProgress) -> dict[str, int]:
    """How far a queue is. Reasons are left out: a reviewer must not guess them."""
    return {
        name: getattr(progress, name)
        for name in ("items", "done", "verdicts", "surplus", "leased", "declined")
    }


def item_document(
    rubric: Rubric,
    item: str,
    target: ReviewTarget,
    content: ItemContent,
    candidates: Sequence[Message],
    suggestions: Sequence[Suggestion],
) -> dict[str, Any]:
    """An item without its lease.

    Args:
        candidates: in the order to be shown.
    """
    return {
        "id": item,
        "rubric": rubric.name,
        "version": rubric.version,
        "kind": target.kind,
        "cut": content.cut,
        "tools": content.tools,
        "messages": [_message(each, content.siblings) for each in content.path],
        "answer": None if content.answer is None else _message(content.answer, {}),
        "prompt": target.message_id if target.kind == "prompt" else None,
        "candidates": [_message(each, {}) for each in candidates],
        "others": [_message(each, {}) for each in content.others],
        "topic": _topic(rubric, target),
        "suggestions": [each._asdict() for each in suggestions],
        "suggestion_shown": bool(suggestions),
    }


def _question(rubric: Rubric, question: RubricQuestion) -> dict[str, Any]:
    return {
        "name": question.name,
        "kind": question.kind,
        "title": question.title,
        "help_html": rendered(question.help),
        "about": level_of(rubric, question),
        "required": question.required,
        "labels": list(question.labels),
        "minimum": question.minimum,
        "maximum": question.maximum,
    }


def _message(message: Message, siblings: Mapping[str, int]) -> dict[str, Any]:
    # Models, variants and metadata are left out: who knows the model judges the model.
    content, reasoning = message.get("content") or "", message.get("reasoning")
    return {
        "id": message["message_id"],
        "role": message["role"],
        "html": rendered(content),
        "text": content,
        "cut": bool(message.get("cut")),
        "reasoning_html": rendered(reasoning) if reasoning else None,
        "calls": [
            {"id": call["id"], "name": call["name"], "arguments": call["arguments"]}
            for call in message.get("tool_calls") or ()
        ],
        "answers_call": message.get("tool_call_id"),
        "attachments": [
            {"uri": each["uri"], "media_type": each.get("media_type")}
            for each in message.get("attachments") or ()
        ],
        "siblings": siblings.get(message["message_id"], 0),
        "status": message.get("status", "complete"),
    }


def _topic(rubric: Rubric, target: ReviewTarget) -> dict[str, Any] | None:
    if target.kind != "topic":
        return None
    name, _, number = target.message_id.rpartition("#")
    text = next((topic.help for topic in rubric.topics if topic.name == name), "")
    return {"name": name, "number": int(number), "help_html": rendered(text)}
