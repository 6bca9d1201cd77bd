"""Which messages become items of a rubric, and why. Pure.

The review agent, the audit and `plaudit review check` use these, so that they agree.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.ratings import judgement, share_of_scale
from plaudit_schemas.review.changes import Reason
from plaudit_schemas.review.rubric import MOST_RANKED, ItemFilter, ItemSelection, Rubric, Unsure
from plaudit_schemas.review.targets import ReviewTarget

Feedback = Mapping[str, Any]
"""A feedback of an event or of the fold's state."""

_PLACES: Final = 53
"""Bits of a float that tell numbers from 0 to 1 apart."""


class SeenMessage(NamedTuple):
    """An accepted message, as selection looks at it.

    Attributes:
        parent_id: resolved; empty for a root.
        siblings: ids of the complete answers to the same message, itself among them, in the log's order.
            Only the target `answers` needs them.
        by_reviewer: whether a reviewer wrote it for an item: its metadata has `answers.ITEM_KEY`.
    """

    conversation_id: str
    id: str
    role: str
    status: str
    parent_id: str = ""
    siblings: tuple[str, ...] = ()
    by_reviewer: bool = False


class ItemFacts(NamedTuple):
    """What the filter asks of a target.

    Attributes:
        models: ids of the models that gave the answer, the answers, or the answers of the conversation. Of a
            prompt: those that answered it.
        variants: experiment -> arm.
        tags: of the conversation.
    """

    models: Collection[str] = ()
    variants: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}


def target_of(rubric: Rubric, message: SeenMessage) -> ReviewTarget | None:
    """The target that a message is or completes. None if it is none for this rubric.

    An answer that a reviewer wrote is no target by itself: figures of answers are of those that users get.
    """
    conversation, kind = message.conversation_id, rubric.target
    if message.status != "complete":
        return None
    if kind == "prompt":
        return ReviewTarget(kind, conversation, message.id) if message.role == "user" else None
    if message.role != "assistant" or kind == "topic":
        return None
    if kind == "answers":
        enough = len(message.siblings) > 1
        return ReviewTarget(kind, conversation, message.parent_id) if enough else None
    if message.by_reviewer:
        return None
    return ReviewTarget(kind, conversation, message.id if kind == "answer" else "")


def candidates_of(message: SeenMessage) -> tuple[str, ...]:
    """The answers that an item of the target `answers` compares: the first MOST_RANKED of the log."""
    return message.siblings[:MOST_RANKED]


def topics_of(rubric: Rubric) -> list[ReviewTarget]:
    """The targets of a rubric for writing: each prompt that its topics ask for."""
    return [
        ReviewTarget("topic", "", f"{topic.name}#{number}")
        for topic in rubric.topics
        for number in range(1, topic.prompts + 1)
    ]


def control_targets(rubric: Rubric) -> dict[ReviewTarget, Mapping[str, Any]]:
    """The targets of the control items, each with the answers that are expected."""
    if rubric.controls is None:
        return {}
    return {
        ReviewTarget(rubric.target, control.conversation, control.message or ""): control.expected
        for control in rubric.controls.items
    }


def fits(allowed: ItemFilter, facts: ItemFacts) -> bool:
    """Whether a target fits a filter."""
    if allowed.models and not any(model in allowed.models for model in facts.models):
        return False
    return _holds(allowed.variants, facts.variants) and _holds(allowed.tags, facts.tags)


def needs_facts(rubric: Rubric) -> bool:
    """Whether the filter asks for anything, so that the state of the conversation must be known."""
    return rubric.select.filter != ItemFilter()


def in_random_share(salt: bytes, rubric: Rubric, target: ReviewTarget) -> bool:
    """Whether a target belongs to the random share. It depends on salt, rubric's name and target alone.

    A larger share holds every smaller one, and a new version of the rubric draws the same targets.
    """
    return random_place(salt, rubric, target) < rubric.select.random


def random_place(salt: bytes, rubric: Rubric, target: ReviewTarget) -> float:
    """A number from 0 to below 1 for a target, by HMAC-SHA256; without the salt nobody can foresee it."""
    text = "\0".join((rubric.application, rubric.name, *target)).encode()
    digest = hmac.digest(salt, text, hashlib.sha256)
    return (int.from_bytes(digest[:8], "big") >> (64 - _PLACES)) / (1 << _PLACES)


def reasons_of_target(rubric: Rubric, target: ReviewTarget, salt: bytes | None) -> tuple[Reason, ...]:
    """Why a target that fits the filter is an item by its mere existence: `random`, `everything`, or both.

    Args:
        salt: None if the rubric has no random share.

    Raises:
        ValueError: the rubric has a random share, and no salt is given.
    """
    reasons: list[Reason] = []
    if rubric.select.random > 0:
        if salt is None:
            raise ValueError(f"rubric {rubric.name} has a random share, which needs a salt")
        if in_random_share(salt, rubric, target):
            reasons.append("random")
    if rubric.select.everything:
        reasons.append("everything")
    return tuple(reasons)


def asks_for_feedback(select: ItemSelection) -> bool:
    """Whether feedback can make anything an item."""
    return select.unsure is not None or select.disliked or select.disagreement


def reasons_of_feedback(
    rubric: Rubric, feedback: Feedback, others: Iterable[Feedback] = ()
) -> tuple[Reason, ...]:
    """Why feedback makes its target an item: `unsure`, `disliked`, `disagreement`.

    Args:
        feedback: of the event, on the target, or on one of the answers of the target.
        others: what holds now on the same message, by all raters. Only `disagreement` needs it.
    """
    select = rubric.select
    reasons: list[Reason] = []
    if select.unsure is not None and _is_unsure(select.unsure, feedback):
        reasons.append("unsure")
    if select.disliked and _is_dislike(feedback):
        reasons.append("disliked")
    if select.disagreement and _is_disputed(feedback, others):
        reasons.append("disagreement")
    return tuple(reasons)


def _holds(allowed: Mapping[str, Collection[str]], known: Mapping[str, str]) -> bool:
    return all(not values or known.get(name) in values for name, values in allowed.items())


def _is_unsure(unsure: Unsure, feedback: Feedback) -> bool:
    rater, value = feedback["rater"], feedback.get("value")
    if value is None or feedback["kind"] != "number" or rater["kind"] != "model":
        return False
    if feedback["aspect"] != unsure.aspect or unsure.scorer not in (None, rater.get("id")):
        return False
    scale = value[1]
    share = share_of_scale(scale["number"], scale["minimum"], scale["maximum"])
    return share is not None and abs(share - 0.5) <= unsure.within


def _is_dislike(feedback: Feedback) -> bool:
    by_user = feedback["rater"]["kind"] == "user" and feedback["kind"] in ("thumb", "number")
    return by_user and _judged(feedback) is False


def _is_disputed(feedback: Feedback, others: Iterable[Feedback]) -> bool:
    """Whether another rater judges the same aspect on the other side."""
    judged = _judged(feedback)
    if judged is None:
        return False
    return any(
        other["aspect"] == feedback["aspect"]
        and _judged(other) is (not judged)
        and _rater(other) != _rater(feedback)
        for other in others
    )


def _judged(feedback: Feedback) -> bool | None:
    return None if feedback.get("value") is None else judgement(feedback)


def _rater(feedback: Feedback) -> tuple[str, str, str]:
    rater = feedback["rater"]
    return rater["kind"], rater.get("id") or "", (rater.get("version") or "")
