"""What an importer gives: conversations as event records, and records that could not be read."""

from dataclasses import dataclass, field
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import ConversationEvent, StartConversation
from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.errors import SettingsError
from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies in its file: its number, from 1, and the line that it begins on."""

    number: int
    line: int


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that was left out, and why.

    Attributes:
        rest_unread: nothing after it could be read; otherwise the rest of the file goes on.
    """

    place: Place
    reason: str
    rest_unread: bool = False


@dataclass(slots=True)
class Batch:
    """Event records that belong together, in order. All are sent, or none if one is wrong.

    It is a conversation, or where a format has single events, one of those.

    Attributes:
        invented: how many of the events have a time that the file does not tell.
        notes: what a reader of the report should know of this record.
        enveloped: everything but the bodies is known to be valid, as a Chat makes it.
    """

    place: Place
    records: list[Record]
    invented: int = 0
    notes: tuple[str, ...] = ()
    enveloped: bool = False


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user says about a file as a whole.

    Attributes:
        application: the tenant that the conversations go to; None is `import`, and for
            `plaudit-jsonl` the one that each event names.
        consent: what the users said about training, where the file says nothing.
        tags: set on every conversation, such as the licence of the data set.
        seed: decides the order in which ranked candidates are shown.

    Raises:
        SettingsError: a value does not fit the contract.
    """

    application: str | None = None
    consent: Consent = "unspecified"
    tags: dict[str, str] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        body: dict[str, Any] = {"consent": self.consent, "tags": self.tags}
        try:
            start = StartConversation.model_validate(body)
            ConversationEvent(application=self.application or "import", conversation_id="c", body=start)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(f"{first['loc'][-1]}: {first['msg']}") from None

    def complete(self, start: Record) -> None:
        """Add tags and consent to the fields of a start, in place. A consent that the file has stays."""
        start["tags"] = {**(start.get("tags") or {}), **self.tags}
        if start.get("consent") in (None, "unspecified"):
            start["consent"] = self.consent
