"""Message ids that carry their conversation: `pm-<26 characters>@<conversation id>`.

Whoever has such an id can give feedback later, from another process, without keeping the conversation's id.
"""

import re
from typing import Final

from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.contract.records import shown
from plaudit_schemas.errors import InvalidEventError

DISTINCT_CHARACTERS: Final = 26
"""The characters that tell messages apart: a ULID, or a hash in the same alphabet."""

_CARRYING: Final = re.compile(rf"pm-[0-9A-HJKMNP-TV-Z]{{{DISTINCT_CHARACTERS}}}@(.+)", re.DOTALL)


def carrying_id(distinct: str, conversation_id: str) -> str:
    """The message id for 26 distinct characters. It leaves out a conversation id that is too long for it."""
    carrying = f"pm-{distinct}@{conversation_id}"
    return carrying if len(carrying) <= ID_CHARACTERS else f"pm-{distinct}"


def conversation_of(message_id: str) -> str | None:
    """The conversation that a message id carries; None if it carries none."""
    found = _CARRYING.fullmatch(message_id)
    return found[1] if found and len(message_id) <= ID_CHARACTERS else None


def carried_conversation(message_id: object) -> str:
    """The conversation that a message id carries.

    Raises:
        InvalidEventError: it carries none.
    """
    conversation_id = conversation_of(message_id) if isinstance(message_id, str) else None
    if conversation_id is None:
        raise InvalidEventError(
            f"message_id {shown(message_id)} does not carry its conversation; give the conversation's id as "
            'well, with producer.conversation(id), or make ids with message_ids="with_conversation"'
        )
    return conversation_id
