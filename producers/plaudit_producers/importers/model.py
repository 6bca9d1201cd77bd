"""The output of an importer: conversations as event records, and the records that could not be read."""

from dataclasses import dataclass, field
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.events import ConversationEvent, StartConversation
from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.errors import SettingsError
from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a record in its file: its number, and the line on which it begins. Both count from 1."""

    number: int
    line: int


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that was refused, and the reason.

    Attributes:
        rest_unread: whether the rest of the file could not be read either.
    """

    place: Place
    reason: str
    rest_unread: bool = False


@dataclass(slots=True)
class Batch:
    """Event records that belong together, in order. If one is invalid, none is sent.

    A batch is one conversation, or one event in a format of single events.

    Attributes:
        invented: how many of the events have an invented time, because the file has none.
        notes: remarks on this record for the report.
        unread: paths of the record's fields that the importer did not take. A field in many elements of a
            list comes as often as it is there.
        enveloped: whether everything but the bodies is already validated, as in a Chat.
    """

    place: Place
    records: list[Record]
    invented: int = 0
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    enveloped: bool = False


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The user's options for a whole file.

    Attributes:
        application: the tenant of the conversations. None means `import`, or for `plaudit-jsonl` the
            application that each event names.
        consent: the users' consent to training, for conversations that have none in the file.
        tags: set on every conversation, such as the licence of the data set.
        seed: decides the order in which ranked candidates are shown.
        aspects: what the applications declare, such as the scale of a rating.
        again: part of every event's id. An import with another one says everything again: after a change
            and a change back, the ids of the first import would make the last one a duplicate.
        id_field: the field of a record that holds the id of its chat, for formats without one of their own.

    Raises:
        SettingsError: a value breaks the contract.
    """

    application: str | None = None
    consent: Consent = "unspecified"
    tags: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    aspects: Aspects = field(default_factory=Aspects.none)
    again: str = ""
    id_field: str | None = None

    def __post_init__(self) -> None:
        # Checked here, once: otherwise every record would be refused for it.
        body: dict[str, Any] = {"consent": self.consent, "tags": self.tags}
        try:
            start = StartConversation.model_validate(body)
            ConversationEvent(application=self.application or "import", conversation_id="c", body=start)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(f"{first['loc'][-1]}: {first['msg']}") from None

    def complete(self, start: Record) -> None:
        """Add tags and consent to the fields of a start, in place. A consent from the file is kept."""
        start["tags"] = {**(start.get("tags") or {}), **self.tags}
        if start.get("consent") in (None, "unspecified"):
            start["consent"] = self.consent
