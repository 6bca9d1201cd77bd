"""ChatGPT's data export: `conversations.json`, and `message_feedback.json` where it lies beside it.

Shapes: mohamed-chs/convoviz, `docs/dev/chatgpt-spec.md`, and abrignoni/RLEAPP, `scripts/artifacts/chatgpt.py`
(feedback); OpenAI publishes none.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.events import ToolCall
from plaudit_schemas.contract.field_types import MessageStatus

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.chatgpt_content import REASONING, attachments_of, text_of
from plaudit_producers.importers.chatgpt_feedback import FILE, ChatgptFeedback
from plaudit_producers.importers.exports import read_members, sampled, unwrap
from plaudit_producers.importers.formats import Format, as_text, build_chats, expect
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import Source
from plaudit_producers.importers.trees import in_order

_NAME: Final = "chatgpt-export"
_WRAPPED_IN: Final = ("conversations",)
_ROLES: Final = {
    "user": "user", "assistant": "assistant", "system": "system", "tool": "tool", "function": "tool",
    "developer": "system", "critic": "system",
}  # fmt: skip
_STATUSES: Final[Mapping[str, MessageStatus]] = {
    "finished_successfully": "complete",
    "finished_partial_completion": "cut",
    "in_progress": "cut",
    "error": "error",
}
_TAGS: Final = ("title", "gizmo_id", "gizmo_type", "is_archived", "is_starred", "conversation_origin")
_TO_ALL: Final = ("all", None)


class _Before(NamedTuple):
    """What a node's children need to know: the last message added, the thoughts since, and an open call."""

    parent: str
    thoughts: tuple[str, ...] = ()
    call: str | None = None


def build_chatgpt(chat: Chat, record: Mapping[str, Any]) -> dict[str, str]:
    """Add a conversation. Returns the id of the message that each node became."""
    mapping = expect(record["mapping"], dict, "mapping")
    started = record.get("create_time")
    chat.start(
        model=record.get("default_model_slug") or None,
        tags=_tags_of(record),
        **at_time(started, "create_time"),
    )
    for node in mapping.values():
        expect(node, dict, "a node").skip("id", "children")  # the tree once more
    parents = {name: node.get("parent") for name, node in mapping.items()}
    messages = {name: node["message"] for name, node in mapping.items() if node.get("message")}
    times = {
        name: float(message["create_time"])
        for name, message in messages.items()
        if message.get("create_time") is not None
    }
    current = record.get("current_node")
    before: dict[str, _Before] = {}
    ids: dict[str, str] = {}
    for name in in_order(parents, times):
        came = before.get(parents[name] or "", _Before(""))
        message = messages.get(name)
        before[name] = came if message is None else _add_node(chat, name, message, came, name == current)
        if before[name].parent != came.parent:
            ids[name] = before[name].parent
    return ids


def _tags_of(record: Mapping[str, Any]) -> dict[str, str]:
    tags = {name: as_text(record[name]) for name in _TAGS if record.get(name) not in (None, False)}
    original = record.get("conversation_id") or record.get("id")
    return tags if original is None else {"original_id": as_text(original), **tags}


def _add_node(chat: Chat, name: str, message: ReadRecord, before: _Before, current: bool) -> _Before:
    message.skip("id")
    metadata = message.get("metadata") or {}
    role = _role_of(message)
    content = message.get("content")
    if content is None:
        raise ValueError(f"message {name}, of role {role}, has no content")
    kind = content.get("content_type")
    text = _instructions_of(metadata) or text_of(content)
    attachments = attachments_of(content, metadata)
    if role == "assistant" and kind in REASONING:
        return before._replace(thoughts=(*before.thoughts, text)) if text else before
    hidden = bool(metadata.get("is_visually_hidden_from_conversation"))
    if not text and not attachments and (role == "system" or hidden):
        return before  # a node that only holds the tree together
    if not attachments and content.get("parts") == []:
        raise ValueError(f"message {name}, of role {role}, has no content")
    fields: dict[str, Any] = {"parent_id": before.parent, "attachments": attachments}
    recipient = message.get("recipient")
    call = before.call
    if role == "assistant":
        call = None
        if recipient not in _TO_ALL:
            call = f"call-{name}"
            fields["tool_calls"] = [ToolCall(id=call, name=recipient, arguments=text)]
            text = ""
        if before.thoughts:
            fields["reasoning"] = "\n".join(before.thoughts)
        fields["model"] = metadata.get("model_slug") or None
        fields["finish_reason"] = (metadata.get("finish_details") or {}).get("type")
    elif role == "tool":
        fields["tool_call_id"] = call
    status = _STATUSES.get(message.get("status") or "", "complete")
    made = chat.add_message(
        role,
        text,
        message_id=name,
        status=status,
        metadata=_metadata_of(message, hidden=hidden, current=current),
        **fields,
        **at_time(message.get("create_time"), "create_time"),
    )
    return _Before(made, (), call)


def _role_of(message: Mapping[str, Any]) -> str:
    role = expect(message["author"], dict, "author")["role"]
    if role not in _ROLES:
        raise ValueError(f"author.role must be one of {', '.join(_ROLES)}, not {role!r}")
    return _ROLES[role]


def _instructions_of(metadata: Mapping[str, Any]) -> str:
    """Return the custom instructions, which a system message without text of its own may carry."""
    given = metadata.get("user_context_message_data") or {}
    texts = [given.get("about_user_message"), given.get("about_model_message")]
    return "\n".join(text for text in texts if text)


def _metadata_of(message: Mapping[str, Any], *, hidden: bool, current: bool) -> dict[str, str]:
    author, weight = message["author"], message.get("weight")
    kind = (message.get("content") or {}).get("content_type")
    found: dict[str, str] = {}
    if kind not in (None, "text", "multimodal_text"):
        found["content_type"] = as_text(kind)
    if author.get("name"):
        found["name"] = as_text(author["name"])
    if weight not in (None, 1):
        found["weight"] = as_text(weight)
    if hidden:
        found["hidden"] = "true"
    if current:
        found["current_node"] = "true"
    return found


def read_chatgpt(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    votes = ChatgptFeedback(source)

    def build(chat: Chat, record: Any) -> None:
        original = expect(record, dict, "a conversation").get("conversation_id") or record.get("id")
        record.skip("id")
        chat.identify(original)
        ids = build_chatgpt(chat, record)
        votes.add_to(chat, as_text(original), ids)
        chat.end(**at_time(record.get("update_time"), "update_time"))

    yield from build_chats(_NAME, build, unwrap(read_members(source), _WRAPPED_IN), options)
    yield from votes.refused
    yield from votes.unused()


def _recognise(sample: Sample) -> Recognised | None:
    mappings = [record.get("mapping") for record in sampled(sample, _WRAPPED_IN)]
    nodes = [node for mapping in mappings if isinstance(mapping, dict) for node in mapping.values()]
    if nodes and all(isinstance(node, dict) and {"parent", "children"} <= node.keys() for node in nodes):
        return Recognised(0.9, "its records have a mapping of nodes with parent and children")
    return None


FORMAT = Format(
    _NAME,
    f"ChatGPT's data export: conversations.json, with {FILE} beside it if there is one",
    read_chatgpt,
    _recognise,
)
