"""What was published of rubrics, in the order of the topic `plaudit.rubrics`. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

from pydantic import ValidationError

from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import QueueName, ReviewTarget

RubricActionName = Literal["publish", "withdraw", "send"]
RubricKey = tuple[str, str]
"""An application and the name of one of its rubrics."""

_ACTIONS: Final = ("publish", "withdraw", "send")


class RubricRecord(NamedTuple):
    """One record of the topic.

    Attributes:
        id: a ULID.
        version: of a withdrawal and of what was sent, the one that was active then.
        rubric: None unless it is published.
        salt_fingerprint: None if the rubric has no random share.
        target: None unless something was sent.
        published_ms: the broker's timestamp.
    """

    id: str
    action: RubricActionName
    application: str
    name: str
    version: str
    rubric: Rubric | None = None
    salt_fingerprint: str | None = None
    target: ReviewTarget | None = None
    published_by: str | None = None
    note: str | None = None
    published_ms: int = 0

    @property
    def key(self) -> bytes:
        """The record's key."""
        return f"{self.application}/{self.name}/{self.id}".encode()

    def to_record(self) -> dict[str, Any]:
        """The record as `Encoder("rubric_publication")` takes it."""
        kind, conversation, message = self.target or (None, "", "")
        return {
            "id": self.id,
            "action": self.action,
            "application": self.application,
            "name": self.name,
            "version": self.version or None,
            "rubric": None if self.rubric is None else rubric_json(self.rubric),
            "salt_fingerprint": self.salt_fingerprint,
            "target": kind and {"kind": kind, "conversation_id": conversation, "message_id": message},
            "published_by": self.published_by,
            "note": self.note,
        }


class PublishedRubric(NamedTuple):
    """A version of a rubric that was published.

    Attributes:
        publication_id: of its newest publication; of several with the same content only the last begins.
        published_ms: since when it is or was active, by the broker's clock.
        ended_ms: since when another version or none is active; None if this one is.
    """

    rubric: Rubric
    publication_id: str
    published_ms: int
    salt_fingerprint: str | None = None
    ended_ms: int | None = None
    published_by: str | None = None
    note: str | None = None

    @property
    def queue(self) -> QueueName:
        """The name of its queue."""
        return QueueName(self.rubric.application, self.rubric.name, self.rubric.version)


class SentTarget(NamedTuple):
    """What a person sent to a queue."""

    publication_id: str
    target: ReviewTarget
    sent_ms: int
    sent_by: str | None
    note: str | None = None


class RubricBook:
    """What the records of the topic say, all together.

    Attributes:
        active: the version of each rubric that makes items now.
    """

    def __init__(self, records: Iterable[RubricRecord] = ()) -> None:
        """Takes the records that can be read, in the topic's order; those that do not count may be there."""
        self._versions: dict[RubricKey, dict[str, PublishedRubric]] = {}
        self._sent: dict[RubricKey, dict[ReviewTarget, SentTarget]] = {}
        self._counted: set[str] = set()
        self.active: Mapping[RubricKey, PublishedRubric] = {}
        active: dict[RubricKey, str] = {}
        for record in records:
            self._add(record, active)
        self.active = {key: self._versions[key][version] for key, version in sorted(active.items())}

    def counts(self, publication_id: str) -> bool:
        """Whether a record counts.

        A version belongs to the rubric and the salt that were published under it first: two people may have
        published at the same moment, and every reader must see the same.
        """
        return publication_id in self._counted

    def versions(self, application: str, name: str) -> list[PublishedRubric]:
        """The versions of a rubric, in the order of their first publication."""
        return list(self._versions.get((application, name), {}).values())

    def ended(self) -> list[PublishedRubric]:
        """The versions that are replaced or withdrawn."""
        found = (each for versions in self._versions.values() for each in versions.values())
        return [each for each in found if each.ended_ms is not None]

    def find(self, queue: QueueName) -> PublishedRubric | None:
        """The version that a queue belongs to, active or not; None if it was never published."""
        return self._versions.get((queue.application, queue.rubric), {}).get(queue.version)

    def sent(self, rubric: Rubric) -> list[SentTarget]:
        """What people sent to a rubric, under this version or another, each target once."""
        sent = self._sent.get((rubric.application, rubric.name), {})
        return [each for each in sent.values() if each.target.kind == rubric.target]

    def _add(self, record: RubricRecord, active: dict[RubricKey, str]) -> None:
        key = record.application, record.name
        if record.action == "send" and record.target is not None:
            sent = SentTarget(record.id, record.target, record.published_ms, record.published_by, record.note)
            self._sent.setdefault(key, {}).setdefault(record.target, sent)
            self._counted.add(record.id)
            return
        versions = self._versions.setdefault(key, {})
        if record.rubric is not None:
            known = versions.get(record.version)
            if known is not None and not is_same(known, record.rubric, record.salt_fingerprint):
                return
        self._counted.add(record.id)
        before = active.pop(key, None)
        if before is not None and (record.rubric is None or before != record.version):
            versions[before] = versions[before]._replace(ended_ms=record.published_ms)
        if record.rubric is not None:
            active[key] = record.version
            versions[record.version] = PublishedRubric(
                record.rubric,
                record.id,
                record.published_ms,
                record.salt_fingerprint,
                None,
                record.published_by,
                record.note,
            )


def is_same(known: PublishedRubric, rubric: Rubric, salt_fingerprint: str | None) -> bool:
    """Whether a rubric is what was published as its version."""
    return (known.rubric, known.salt_fingerprint) == (rubric, salt_fingerprint)


def rubric_json(rubric: Rubric) -> str:
    """A rubric as JSON, without what has its default: earlier releases can then read what they know."""
    return rubric.model_dump_json(exclude_defaults=True)


def rubric_record_of(record: dict[str, Any], timestamp_ms: int) -> RubricRecord:
    """A record of the topic from its decoded form and the broker's timestamp.

    Raises:
        ValueError: a later release wrote it, and said something that this one does not know.
    """
    action = record["action"]
    if action not in _ACTIONS:
        raise ValueError("its action is unknown to this release; upgrade it")
    target, copied_from = record["target"], record["copied_from"]
    return RubricRecord(
        record["id"],
        cast("RubricActionName", action),
        record["application"],
        record["name"],
        record["version"] or "",
        _rubric_of(record) if action == "publish" else None,
        record["salt_fingerprint"],
        target and ReviewTarget(target["kind"], target["conversation_id"], target["message_id"]),
        record["published_by"],
        record["note"],
        timestamp_ms if copied_from is None else copied_from // 1000,
    )


def _rubric_of(record: dict[str, Any]) -> Rubric:
    try:
        rubric = Rubric.model_validate_json(record["rubric"] or "{}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"its rubric cannot be read by this release ({place}: {first['msg']})") from None
    if (rubric.application, rubric.name, rubric.version) != tuple(
        record[part] for part in ("application", "name", "version")
    ):
        raise ValueError("its rubric is another than the one that it names")
    return rubric
