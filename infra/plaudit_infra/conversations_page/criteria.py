"""What a search asks for, from the request to the test of a live conversation. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_consumers.datasets.finished_search import ConversationCriteria
from plaudit_consumers.datasets.searching import words_of
from plaudit_producers import IdentityHash
from plaudit_stream_processors.fold import ConversationState

_HASH: Final = re.compile(r"[A-Za-z0-9._-]{1,32}:[0-9a-f]{64}")


def criteria_of(asked: Mapping[str, str], identity: IdentityHash | None) -> ConversationCriteria:
    """The criteria of a request.

    A user is found by the raw id and, where a key is configured, by its hash; or by the hash itself.
    """
    user = asked.get("user", "").strip()
    return ConversationCriteria(
        conversation_id=asked.get("id", "").strip() or None,
        users=_ids_of(user, identity) if user else (),
        model=asked.get("model", "").strip() or None,
        low_rating=asked.get("rating") == "low",
        words=words_of(asked.get("text", "")),
    )


def fits(state: ConversationState, criteria: ConversationCriteria) -> bool:
    """Whether a live conversation has all that is asked for."""
    return (
        criteria.conversation_id in (None, state.conversation_id)
        and (not criteria.users or state.facts.get("user_id") in criteria.users)
        and (criteria.model is None or criteria.model in set(_models(state)))
        and (not criteria.low_rating or any(map(is_low, _values(state))))
        and _has_words(state, criteria.words)
    )


def is_low(value: Mapping[str, Any]) -> bool:
    """Whether a value of feedback is a thumb down, or a number in the lower half of its scale."""
    if "like" in value:
        return value["like"] is False
    number = value.get("number")
    if number is None or "name" in value:
        return False
    low, high = value.get("minimum"), value.get("maximum")
    return bool(2 * number < (0 if low is None else low) + (1 if high is None else high))


def _ids_of(user: str, identity: IdentityHash | None) -> tuple[str, ...]:
    if identity is None or _HASH.fullmatch(user):
        return (user,)
    return (user, identity(user))


def _models(state: ConversationState) -> Iterator[str]:
    for holder in (state.facts, *state.messages.values()):
        model = holder.get("model")
        if model:
            yield model["id"]
            if model.get("version") is not None:
                yield f"{model['id']}@{model['version']}"


def _values(state: ConversationState) -> Iterator[Mapping[str, Any]]:
    for slot in state.feedback.values():
        value = slot["feedback"].get("value")
        if value is not None:
            yield value[1]


def _has_words(state: ConversationState, words: tuple[str, ...]) -> bool:
    if not words:
        return True
    # As `find_conversations.sql` has it.
    text = _plain(" ".join(message.get("content") or "" for message in state.messages.values()))
    return all(_plain(word) in text for word in words)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()
