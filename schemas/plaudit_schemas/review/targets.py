"""What is reviewed, and the ids of items, which are derived: after a rebuild they are the same."""

import hashlib
from typing import Final, NamedTuple

from plaudit_schemas.review.rubric import TargetKind

ADJUDICATION: Final = "adjudication-"
"""Begins the item id of feedback that settles what reviewers disagree on."""
_ITEM: Final = "item-"


class QueueName(NamedTuple):
    """The queue of one version of a rubric."""

    application: str
    rubric: str
    version: str


class ReviewTarget(NamedTuple):
    """What an item asks about.

    Attributes:
        conversation_id: empty for a topic.
        message_id: the answer or the prompt; for `answers` the prompt that they answer, where the empty id is
            the conversation's start; the topic and the number of its prompt for a topic, as `cooking#12`;
            empty for a conversation.
    """

    kind: TargetKind
    conversation_id: str
    message_id: str


def item_id(application: str, rubric: str, target: ReviewTarget) -> str:
    """The id of a target's item. It does not depend on the rubric's version, so that verdicts can go on."""
    text = "\0".join((application, rubric, *target)).encode()
    return _ITEM + hashlib.sha256(text).hexdigest()[:32]


def adjudication_id(item: str) -> str:
    """The item id that an adjudicator's answers to an item carry."""
    return ADJUDICATION + item.removeprefix(_ITEM)


def item_of_adjudication(adjudication: str) -> str:
    """The id of the item that an adjudicator's answers settle; the inverse of `adjudication_id`."""
    return _ITEM + adjudication.removeprefix(ADJUDICATION)
