"""Open WebUI's exports: the feedback of its evaluations, and chats.

Shapes: open-webui/open-webui, `backend/open_webui/models/feedbacks.py` and `chats.py`, and the feedback that
`ResponseMessage.svelte` sends; terry-li-hm/open-webui-feedback-analyzer documents an export.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.contract.events import Attachment, TokenUsage
from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.contract.field_types import MessageStatus

from plaudit_producers.importers.chat import DERIVED, Chat
from plaudit_producers.importers.chat_messages import attachment_of
from plaudit_producers.importers.exports import export_file, sampled
from plaudit_producers.importers.formats import as_text, expect
from plaudit_producers.importers.moments import at_time, moment_of
from plaudit_producers.importers.records import ReadRecord, skip_all
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.scores import number_of
from plaudit_producers.importers.trees import in_order, siblings_of

_ROLES: Final = ("system", "user", "assistant", "tool")
_SYSTEM: Final = "system"
_MOST: Final = 10  # of the detailed rating
_RATINGS: Final = (1, 0, -1, "1", "0", "-1")
_ARENA: Final = f"{DERIVED}a vote in the arena, which Open WebUI counts against each other answer"

Message = ReadRecord


def chat_of(record: Any) -> str:
    """Return the id of the chat that a record is about.

    Raises:
        ValueError: it is no feedback and no chat, or is broken.
    """
    record = expect(record, dict, "a record")
    if _is_feedback(record):
        meta, chat = record.get("meta") or {}, _inner(record.get("snapshot") or {}).get("id")
        found = meta.get("chat_id") or chat
        if not found:
            raise ValueError("the feedback names no chat")
        # Checked here, so that a vote that is broken does not take its chat with it.
        data = expect(record["data"], dict, "data")
        _thumb_of(data)
        for details in (record.get("details"), data.get("details")):
            _detailed(details)
        expect(meta.get("message_id"), str, "meta.message_id")
        return as_text(found)
    _messages_of(record)  # raises if it is no chat
    return as_text(record["id"])


def build_openwebui(chat: Chat, records: Sequence[ReadRecord], *, live: bool = False) -> None:
    """Add one chat, from all records that are about it: the chat itself, and votes with snapshots of it.

    Args:
        live: whether the chat may go on. Then it is not ended, and answers that are still being written are
            left out: a message cannot change once it is sent.
    """
    chat.identify(chat_of(records[0]))
    votes = [record for record in records if _is_feedback(record)]
    # The latest record knows the chat best. Earlier ones may hold messages that were deleted since.
    known = sorted(
        (record for record in records if not _is_feedback(record) or record.get("snapshot")), key=changed_at
    )
    messages: dict[str, Message] = {}
    for record in known:
        for name, message in _messages_of(record).items():
            if live and _is_unfinished(message):
                continue
            replaced = messages.get(name, ReadRecord())
            replaced.skip(*replaced)
            messages[name] = message
        _details_of(record).skip("user_id", "title")  # those of the latest are taken
    if known:
        _start(chat, known[-1])
        _add_messages(chat, messages)
    else:
        chat.note("the votes have no snapshot of their chat, which must be imported too")
    for vote in votes:
        _add_vote(chat, vote, messages)
    if known:
        if not votes:
            _add_annotations(chat, messages)
        if not live:
            chat.end()


def _is_feedback(record: Mapping[str, Any]) -> bool:
    return "snapshot" in record or ("data" in record and "meta" in record and "chat" not in record)


def _inner(snapshot: Any) -> ReadRecord:
    """The row of the chat: within a snapshot it is `chat`, and a chat export has it as it is."""
    inner = snapshot.get("chat")
    # The content of a chat has an id of its own in some editions, which is empty.
    if isinstance(inner, ReadRecord) and "id" in inner and "id" not in snapshot:
        return inner
    return snapshot if isinstance(snapshot, ReadRecord) else ReadRecord(snapshot.items())


def _details_of(record: Mapping[str, Any]) -> ReadRecord:
    return _inner(record["snapshot"] if _is_feedback(record) else record)


def changed_at(record: Mapping[str, Any]) -> float:
    """Return when a record was changed last, in seconds since 1970; 0 if it does not say.

    Raises:
        ValueError: it says something that is no time.
    """
    at = moment_of(record.get("updated_at") or record.get("created_at"), "updated_at")
    return 0.0 if at is None else at.timestamp()


def _messages_of(record: Mapping[str, Any]) -> dict[str, Message]:
    """Return the messages by id, wherever the edition has them: in the chat's history, or a plain list."""
    holders = [record, record.get("snapshot") or {}, _details_of(record)]
    holders += [holder["chat"] for holder in holders if isinstance(holder.get("chat"), dict)]
    for holder in holders:
        history = holder.get("history")
        given = (history.get("messages") if isinstance(history, dict) else None) or holder.get("messages")
        if not isinstance(given, dict | list):
            continue
        if isinstance(history, ReadRecord):
            history.skip("currentId")
            skip_all(holder.get("messages"))  # the branch that is shown, once more
        named = given.items() if isinstance(given, dict) else [(None, message) for message in given]
        return dict(_named(name, message) for name, message in named)
    raise ValueError("the chat has no history")


def _named(name: str | None, message: Any) -> tuple[str, Message]:
    found: Message = expect(message, dict, "a message")
    found.skip("childrenIds", *(() if name is None else ("id",)))  # the tree once more
    return as_text(found["id"]) if name is None else name, found


def _start(chat: Chat, record: Mapping[str, Any]) -> None:
    details = _details_of(record)
    given = details.get("chat")
    inner = given if isinstance(given, dict) else details
    tags = {"original_id": chat_of(record)}
    if isinstance(given, ReadRecord):
        given.skip("id", "title")
    if details.get("title"):
        tags["title"] = as_text(details["title"])
    names = (details.get("meta") or {}).get("tags") or inner.get("tags") or []
    if names:
        tags["tags"] = ", ".join(map(as_text, names))
    params = inner.get("params") or {}
    chat.start(
        user_id=details.get("user_id") or record.get("user_id") or None,
        parameters=as_text(params) if params else None,
        tags=tags,
        **at_time(details.get("created_at"), "created_at"),
    )
    system = params.get("system") or inner.get("system")
    if system:
        chat.add_message("system", system, message_id=_SYSTEM)


def _add_messages(chat: Chat, messages: Mapping[str, Message]) -> None:
    top = chat.last
    parents = {name: message.get("parentId") for name, message in messages.items()}
    times = {}
    for name, message in messages.items():
        at = moment_of(message.get("timestamp"), "timestamp")
        if at is not None:
            times[name] = at.timestamp()
    for name in in_order(parents, times):
        message, parent = messages[name], parents[name]
        role = message["role"]
        if role not in _ROLES:
            raise ValueError(f"role must be one of {', '.join(_ROLES)}, not {role!r}")
        chat.add_message(
            role,
            _content_of(message),
            message_id=name,
            parent_id=parent if parent in parents else top,
            model=_model_of(message),
            status=_status_of(message),
            usage=_usage_of(message),
            attachments=[each for file in message.get("files") or () for each in _attachments_of(chat, file)],
            metadata={"arena": "true"} if message.get("arena") else {},
            **at_time(message.get("timestamp"), "timestamp"),
        )


def _is_unfinished(message: Message) -> bool:
    """Whether an answer is still being written. Before its first word it has no `done` at all."""
    if message.get("role") != "assistant" or message.get("error"):
        return False
    return message.get("done") is False or not (message.get("done") or message.get("content"))


def _content_of(message: Message) -> str:
    error = message.get("error")
    if not message["content"] and isinstance(error, dict):
        return as_text(error.get("content") or "")
    return message["content"]  # type: ignore[no-any-return]  # anything but a text is refused later


def _model_of(message: Message) -> str | None:
    """The model that answered. In the arena `model` names the arena itself."""
    return message.get("selectedModelId") or message.get("model") or None


def _status_of(message: Message) -> MessageStatus:
    if message.get("error"):
        return "error"
    return "cut" if message.get("done") is False else "complete"


def _usage_of(message: Message) -> TokenUsage | None:
    usage = message.get("usage") or message.get("info") or {}
    given = usage.get("prompt_tokens", usage.get("prompt_eval_count"))
    made = usage.get("completion_tokens", usage.get("eval_count"))
    return None if given is None and made is None else TokenUsage(input=given, output=made)


def _attachments_of(chat: Chat, file: Any) -> list[Attachment]:
    if isinstance(file, str):
        return attachment_of(chat, file)
    uri = file.get("url") or file.get("id") or file.get("name")
    inner = file.get("file")
    meta = (inner.get("meta") or {}) if isinstance(inner, dict) else {}
    return attachment_of(chat, as_text(uri), file.get("content_type") or meta.get("content_type"))


def _add_vote(chat: Chat, vote: ReadRecord, messages: Mapping[str, Message]) -> None:
    data, meta = expect(vote["data"], dict, "data"), expect(vote["meta"], dict, "meta")
    message_id = as_text(meta["message_id"])
    # Facts of the answer, which its message has, and of the record itself.
    vote.skip("version", "type", "created_at")
    data.skip("model_id", "sibling_model_ids")
    meta.skip("model_id", "message_index", "base_models")
    if messages and message_id not in messages:
        chat.note(f"vote {vote.get('id')} is about message {message_id}, which its chat does not hold")
    changed = vote.get("updated_at") or vote.get("created_at")
    chat.speak_as_of("" if changed is None else as_text(changed))
    at = at_time(changed, "updated_at")
    given = {"rater": Rater(id=vote.get("user_id") or None), **at}
    thumb = _thumb_of(data)
    detailed = _detailed(vote.get("details"))
    if detailed is not None:
        chat.rate(message_id, detailed, maximum=_MOST, **given)
    own = {} if vote.get("id") is None else {"feedback_id": as_text(vote["id"])}
    _add_rating(chat, data, message_id, given, own, meta.get("tags") or ())
    if meta.get("arena") and thumb:
        _add_arena_vote(chat, message_id, thumb, messages, given)
    chat.speak_as_of("")


def _add_annotations(chat: Chat, messages: Mapping[str, Message]) -> None:
    """Add the votes of a chat export, where each is a part of its message, by the chat's user."""
    for name, message in messages.items():
        if message.get("annotation"):
            _add_rating(chat, message["annotation"], name, {}, {}, ())


def _thumb_of(data: Mapping[str, Any]) -> int | None:
    """Return 1 for a thumb up, -1 for one down, 0 for neither, or None if there is none."""
    rating = data.get("rating")
    if rating in (None, ""):
        return None
    if rating not in _RATINGS:
        raise ValueError(f"rating must be 1, 0 or -1, not {rating!r}")
    return int(rating)


def _detailed(details: Any) -> float | None:
    rating = (details or {}).get("rating")
    if rating is not None and not 1 <= number_of(rating, "details.rating") <= _MOST:
        raise ValueError(f"details.rating must be 1 to {_MOST}, not {rating}")
    return None if rating is None else float(rating)


def _add_rating(
    chat: Chat,
    data: Mapping[str, Any],
    message_id: str,
    given: Mapping[str, Any],
    own: Mapping[str, Any],
    more_tags: Sequence[str],
) -> None:
    """Add the detailed rating, the reason and the tags, and then the thumb with its comment.

    All are of one aspect. The thumb is what the person meant, so it comes last: the latest vote counts.
    """
    thumb, comment = _thumb_of(data), data.get("comment") or None
    detailed = _detailed(data.get("details"))
    if detailed is not None:
        chat.rate(message_id, detailed, maximum=_MOST, **given)
    reasons = [data.get("reason"), *(data.get("tags") or ()), *more_tags]
    labels = list(dict.fromkeys(as_text(reason) for reason in reasons if reason))
    if thumb == 0:
        labels.insert(0, "neutral")
    if labels:
        chat.label(message_id, labels, **given)
    if thumb:
        (chat.like if thumb == 1 else chat.dislike)(message_id, comment=comment, **own, **given)
    elif comment:
        chat.comment(message_id, comment, **own, **given)


def _add_arena_vote(
    chat: Chat, message_id: str, rating: int, messages: Mapping[str, Message], given: Mapping[str, Any]
) -> None:
    parents = {name: message.get("parentId") for name, message in messages.items()}
    for sibling in siblings_of(message_id, parents):
        pair = [message_id, sibling] if rating == 1 else [sibling, message_id]
        chat.compare([name for name in parents if name in pair], pair, rubric=_ARENA, **given)


def _recognise(sample: Sample) -> Recognised | None:
    records = sampled(sample)
    votes = [
        _is_feedback(each) and isinstance(each.get("data"), dict) and each.get("meta") for each in records
    ]
    if votes and all(isinstance(meta, dict) and meta.keys() & {"chat_id", "message_id"} for meta in votes):
        return Recognised(0.9, "its records are votes with the data, meta and snapshot of a chat")
    chats = [record.get("chat") for record in records]
    if chats and all(isinstance(chat, dict) and ("history" in chat or "messages" in chat) for chat in chats):
        return Recognised(0.9, "its records are chats with a history of messages")
    return None


FORMAT = export_file(
    "openwebui",
    build_openwebui,
    help="Open WebUI: an export of feedback, or of chats",
    recognises=_recognise,
    key_of=chat_of,
)
