"""Principals, and what they may write. Pure rules, no I/O.

A *server* has an API key and may write every conversation of its application. A *page* has a browser token
and may write one conversation, only as the user of that conversation, and only what the token grants.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.field_types import Role
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    END_CONVERSATION,
    ERASE_CONVERSATION,
    EXCLUDE_FROM_TRAINING,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
    short_name,
)

from plaudit_producers.sdk.message_ids import conversation_of

ApiRole = Literal["producer", "reviewer", "lead", "reader", "admin"]
"""What an API key allows.

producer: write events of chats and of their users, and make tokens for pages. reviewer: write feedback of
reviewers and judging models, too. lead: as reviewer, and settle what reviewers disagree on. reader: read live
conversations. admin: all of these, and erase.
"""

Grant = Literal["start", "consent", "tags"]
"""What a token may grant a page beside the roles of its messages.

start: say that the conversation starts, with its session, its task and the token's user. consent: say whether
the user consents to training. tags: set tags.
"""

_PAGE_BODIES: Final = frozenset(
    (START_CONVERSATION, UPDATE_CONVERSATION, ADD_MESSAGE, UPDATE_MESSAGE, COMPARE_MESSAGES, END_CONVERSATION)
)
_PAGE_END_REASONS: Final = frozenset(("closed", "cleared", "error"))
_MODEL_FIELDS: Final = ("model", "variants", "prompt", "tools", "parameters")
"""These fields name the model. A page must not set them, because each new value opens a metric series."""
_ANSWER_FIELDS: Final = (
    *("reasoning", "tool_calls", "tool_call_id", "latency_ms", "first_token_ms"),
    *("finish_reason", "usage", "abstained"),
)
"""These fields tell how a model came to its answer."""
_SAYS_NO_CONSENT: Final = {START_CONVERSATION: ("unknown", "unspecified"), UPDATE_CONVERSATION: ("unknown",)}


@dataclass(frozen=True, slots=True)
class PageScope:
    """What a browser token allows.

    Attributes:
        user_id: the rater; None if the conversation has no known user.
        roles: the roles of messages that the page may add; only `user` unless the server grants more. A page
            that may add `assistant` may also say which model answered.
        read: whether the page may read the conversation, as far as its user may see it.
        grants: what else it may say of the conversation. Without any it adds messages, votes, and ends.
    """

    conversation_id: str
    user_id: str | None
    roles: frozenset[Role] = frozenset(("user",))
    read: bool = False
    grants: frozenset[Grant] = frozenset()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        key_id: the id of the API key; for a page, of the key that made its token.
        rate: events a second that the key allows; None for the gateway's default.
        byte_rate: bytes a second that the key allows; likewise.
        page: None for a server.
    """

    application: str
    key_id: str
    roles: frozenset[ApiRole] = field(default=frozenset())
    rate: float | None = None
    byte_rate: float | None = None
    page: PageScope | None = None

    def has(self, role: ApiRole) -> bool:
        """Whether the principal has a role; an admin has every role, and a lead is a reviewer too."""
        return role in self.roles or "admin" in self.roles or (role == "reviewer" and "lead" in self.roles)

    def may_read(self, conversation_id: str) -> bool:
        """Whether the principal may read a conversation of its application."""
        if self.page is not None:
            return self.page.read and conversation_id == self.page.conversation_id
        return self.has("reader")


def complete_record(principal: Principal, record: Record) -> None:
    """Fill in what the principal determines: application, source, a page's conversation and user.

    A server may leave out the conversation of a message whose id carries it.
    """
    record.setdefault("application", principal.application)
    record.setdefault("source", "gateway")
    if principal.page is not None:
        record.setdefault("conversation_id", principal.page.conversation_id)
        name, body = record["body"]
        if name == START_CONVERSATION and principal.page.user_id is not None:
            body.setdefault("user_id", principal.page.user_id)
    elif record.get("conversation_id") is None:
        carried = _carried_conversation(record)
        if carried is not None:
            record["conversation_id"] = carried


def _carried_conversation(record: Record) -> str | None:
    name, body = record["body"]
    message_id = body.get("message_id") if name in (UPDATE_MESSAGE, EXCLUDE_FROM_TRAINING) else None
    return conversation_of(message_id) if isinstance(message_id, str) else None


def forbidden_reason(principal: Principal, record: Record) -> str | None:
    """Why the principal may not write a validated, completed record; None when it may."""
    return next(_problems(principal, record), None)


def _problems(principal: Principal, record: Record) -> Iterator[str]:
    if record["application"] != principal.application:
        yield "application: the key belongs to another application; leave the field out"
    if record["source"] != "gateway":
        yield "source: the gateway sets it; leave the field out"
    if principal.page is not None:
        yield from _page_problems(principal.page, record)
    else:
        yield from _server_problems(principal, record)


def _server_problems(principal: Principal, record: Record) -> Iterator[str]:
    name, body = record["body"]
    if name == ERASE_CONVERSATION:
        if not principal.has("admin"):
            yield "body.type: erasure requires a key with the role admin"
    elif not (principal.has("producer") or principal.has("reviewer")):
        yield "writing events requires a key with the role producer or reviewer"
    for field_name, person in _people(body):
        if person.get("kind", "user") != "user" and not principal.has("reviewer"):
            yield f"{field_name}.kind: any kind but user requires a key with the role reviewer"


def _page_problems(page: PageScope, record: Record) -> Iterator[str]:
    name, body = record["body"]
    if record["conversation_id"] != page.conversation_id:
        yield "conversation_id: the token is for another conversation"
    if name not in _PAGE_BODIES:
        yield f"body.type: a page cannot send {short_name(name)}"
    if body.get("user_id") not in (None, page.user_id):
        yield "user_id: the token is for another user"
    for field_name, person in _people(body):
        yield from _foreign(page, field_name, person)
    if body.get("continues") is not None:
        yield "continues: a page cannot point to another conversation"
    yield from _wrong_role(page, name, body)
    if name in (START_CONVERSATION, UPDATE_CONVERSATION):
        yield from _ungranted(page, name, body)
    if name == END_CONVERSATION and body["reason"] not in _PAGE_END_REASONS:
        yield f"reason: a page may say {', '.join(sorted(_PAGE_END_REASONS))}"


def _ungranted(page: PageScope, name: str, body: Record) -> Iterator[str]:
    said: dict[Grant, str | None] = {
        "start": short_name(name)
        if name == START_CONVERSATION
        else "user_id"
        if body.get("user_id")
        else None,
        "consent": None if body.get("consent", "unknown") in _SAYS_NO_CONSENT[name] else "consent",
        "tags": "tags" if body.get("tags") else None,
    }
    for grant, what in said.items():
        if what is not None and grant not in page.grants:
            yield f'{what}: the token does not grant it; POST /v1/tokens takes "grants": ["{grant}"]'


def _wrong_role(page: PageScope, name: str, body: Record) -> Iterator[str]:
    if name == ADD_MESSAGE and body["role"] not in page.roles:
        allowed = ", ".join(sorted(page.roles)) or "none"
        yield f'role: the token allows {allowed} only; POST /v1/tokens takes "roles": ["{body["role"]}"]'
    said = [field for field in (*_MODEL_FIELDS, *_ANSWER_FIELDS) if body.get(field) not in (None, [], {})]
    if said and "assistant" not in page.roles:
        yield f'{said[0]}: the token does not grant it; POST /v1/tokens takes "roles": ["assistant"]'


def _foreign(page: PageScope, field_name: str, person: Record) -> Iterator[str]:
    if person.get("kind", "user") != "user":
        yield f"{field_name}.kind: a page speaks only for its user"
    if person.get("id") not in (None, page.user_id):
        yield f"{field_name}.id: the token is for another user"


def _people(body: Record) -> Iterator[tuple[str, Record]]:
    """Who is said to speak in a body: its rater, and the author of a message."""
    # An UpdateMessage has its rater in `feedback`, a CompareMessages in the body itself.
    yield "rater", body.get("feedback", body).get("rater") or {}
    yield "author", body.get("author") or {}
