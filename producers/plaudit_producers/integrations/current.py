"""The conversation that the running code belongs to, in a context variable.

import plaudit_producers as plaudit

with plaudit.conversation("c-1", user_id="u-1") as current:
    client.chat.completions.create(...)  # any integration records it in c-1
    print(current.last_message_id)  # for the page, which sends it back with a vote
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.contract.records import validate_body
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.integrations.guard import note_error
from plaudit_producers.sdk.base import checked_conversation_id
from plaudit_producers.sdk.bodies import start_body
from plaudit_producers.sdk.usable_ids import usable_id
from plaudit_producers.sdk.values import error_of_unfit


@dataclass(slots=True)
class CurrentConversation:
    """The conversation that code runs in.

    Attributes:
        last_message_id: the last answer that an integration recorded in it; None before the first.
    """

    id: str
    user_id: str | None = None
    consent: Consent = "unspecified"
    tags: Mapping[str, str] = field(default_factory=dict)
    last_message_id: str | None = None


_PLACE: Final = "plaudit.conversation: a value that does not fit"

_current: Final[ContextVar[CurrentConversation | None]] = ContextVar("plaudit_conversation", default=None)


def current_conversation() -> CurrentConversation | None:
    """The conversation that the running code belongs to, or None.

    It follows asyncio tasks. A thread that you start yourself has none, unless it runs in
    `contextvars.copy_context()`.
    """
    return _current.get()


class conversation:  # noqa: N801  # used like a function, as contextlib.closing
    """Says which conversation the code within belongs to, as a context manager, for asyncio too.

    Integrations record the calls within as messages of this conversation. It is not ended at the end of the
    block: the next request goes on with it, and it ends when nothing has happened for a while. Blocks may be
    nested; the inner one counts.

    Args:
        conversation_id: 1 to 128 characters; a new ULID if None.
        consent: to training, as far as it is known at this place. Change it later with
            `producer.conversation(conversation_id).update(consent=...)`.
        tags: are set on the conversation.
        strict: raise for a value that breaks the contract. Without it, such a value is repaired as producers
            do it, counted in `swallowed_errors` and logged.

    Raises:
        InvalidEventError: with `strict`, a value breaks the contract, such as an id that is empty.
    """

    def __init__(
        self,
        conversation_id: str | None = None,
        *,
        user_id: str | None = None,
        consent: Consent = "unspecified",
        tags: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> None:
        given = {"user_id": user_id, "consent": consent, "tags": {} if tags is None else tags}
        said = _checked_start(given, strict)
        self._conversation = CurrentConversation(_checked_id(conversation_id, strict), **said)
        self._tokens: list[Token[CurrentConversation | None]] = []

    def __enter__(self) -> CurrentConversation:
        self._tokens.append(_current.set(self._conversation))
        return self._conversation

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        token = self._tokens.pop()
        try:
            _current.reset(token)
        except ValueError:
            # It began in another context: web frameworks resume a plain generator in a new one each time.
            if _current.get() is self._conversation:
                _current.set(None if token.old_value is Token.MISSING else token.old_value)

    async def __aenter__(self) -> CurrentConversation:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def _checked_id(conversation_id: Any, strict: bool) -> str:
    if conversation_id is None:
        return new_ulid()
    if strict:
        return checked_conversation_id(conversation_id)
    usable, repairs = usable_id(conversation_id, "conversation_id")
    if repairs:
        note_error(_PLACE, InvalidEventError("conversation_id does not fit and was repaired"))
    return usable or new_ulid()


def _checked_start(fields: dict[str, Any], strict: bool) -> dict[str, Any]:
    body = start_body(dict(fields))
    try:
        validate_body(body)
    except InvalidEventError as error:
        if strict:
            raise error_of_unfit(body) or error from None
        note_error(_PLACE, InvalidEventError("user_id, consent or tags do not fit and were repaired"))
        from plaudit_producers.sdk.repair import repair_body  # noqa: PLC0415  # most programs need no repair

        repaired, _ = repair_body(body)
        return {"user_id": None, "consent": "unspecified", "tags": {}, **repaired[1]}
    return body[1]
