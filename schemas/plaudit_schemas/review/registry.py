"""The registry of rubrics: publishes their versions, withdraws them, and sends targets to their queues."""

from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import NotFoundError, PublicationError, ReviewSaltError
from plaudit_schemas.kafka.closing import ClosedByWith
from plaudit_schemas.kafka.publication_log import ANSWER_S, PublicationLog
from plaudit_schemas.review.publications import (
    PublishedRubric,
    RubricBook,
    RubricRecord,
    SentTarget,
    is_same,
)
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.rubric_log import RUBRIC_LOG
from plaudit_schemas.review.salts import fingerprint_for
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import QueueName, ReviewTarget
from plaudit_schemas.settings.connection import ConnectionSettings


class RubricRegistry(ClosedByWith):
    """Publishes rubrics, and tells what was published. Each call reads the topic anew and blocks on Kafka.

    Every method raises ServiceUnavailableError if Kafka does not answer, TopicError if the topic is missing
    or cannot be used, and RegistryError if a schema registry is set and gives no answer. Not thread-safe.
    """

    def __init__(self, connection: ConnectionSettings, *, timeout_s: float = ANSWER_S) -> None:
        """Does not wait for Kafka.

        Args:
            timeout_s: how long Kafka may stay silent before a call raises ServiceUnavailableError.
        """
        self._log = PublicationLog(connection, RUBRIC_LOG, timeout_s=timeout_s)

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._log.close()

    def book(self) -> RubricBook:
        """What is published now."""
        return RubricBook(self._log.read().publications)

    def unreadable(self) -> list[tuple[str, str]]:
        """The key of each record that this release cannot read, with the reason."""
        return self._log.read().unreadable

    def publish(
        self,
        rubric: Rubric,
        settings: ReviewSettings,
        *,
        published_by: str | None = None,
        note: str | None = None,
    ) -> PublishedRubric:
        """Make a version the active one. If it is so already, nothing is done and it is returned.

        It does not look at aspects: whoever calls has checked the rubric (`rubric_checks`).

        Raises:
            PublicationError: another rubric was published as this version, or it continues a version that
                it cannot.
            ReviewSaltError: the salt of the random share is missing, or it is another than that of a rubric
                that is active.
        """
        fingerprint = fingerprint_for(settings, rubric)
        book = self.book()
        known = book.find(QueueName(rubric.application, rubric.name, rubric.version))
        if known is not None and not is_same(known, rubric, fingerprint):
            raise PublicationError(_taken(known, rubric))
        if known is not None and known.ended_ms is None:
            return known
        _refuse_continued(book, rubric)
        _refuse_other_salt(book, fingerprint)
        record = self._append(
            RubricRecord(
                new_ulid(),
                "publish",
                rubric.application,
                rubric.name,
                rubric.version,
                rubric,
                fingerprint,
                None,
                published_by,
                note,
            )
        )
        after = self.book()
        found = after.find(QueueName(rubric.application, rubric.name, rubric.version))
        if found is None or not after.counts(record.id):
            # Somebody else published another rubric as this version a moment before.
            raise PublicationError(_taken(found, rubric))
        return found

    def withdraw(
        self, application: str, name: str, *, published_by: str | None = None, note: str | None = None
    ) -> PublishedRubric:
        """End a rubric: no version of it makes items from now on. Returns the version that was active.

        Raises:
            NotFoundError: no version of it is active.
        """
        before = active_rubric(self.book(), application, name)
        version = before.rubric.version
        self._append(
            RubricRecord(
                new_ulid(),
                "withdraw",
                application,
                name,
                version,
                published_by=published_by,
                note=note,
            )
        )
        return before

    def send(
        self,
        application: str,
        name: str,
        target: ReviewTarget,
        *,
        published_by: str | None = None,
        note: str | None = None,
    ) -> SentTarget:
        """Send a target to the queue of a rubric, under this version and later ones.

        If it was sent before, nothing is done. Whether the target exists is for the review agent to see.

        Raises:
            NotFoundError: no version of the rubric is active.
            PublicationError: the rubric reviews something else.
        """
        book = self.book()
        active = active_rubric(book, application, name)
        problem = target_problem(active.rubric, target)
        if problem is not None:
            raise PublicationError(problem)
        if (known := _sent(book, active.rubric, target)) is not None:
            return known
        version = active.rubric.version
        record = self._append(
            RubricRecord(
                new_ulid(),
                "send",
                application,
                name,
                version,
                target=target,
                published_by=published_by,
                note=note,
            )
        )
        # Somebody else may have sent it a moment before: the first counts.
        return _sent(self.book(), active.rubric, target) or SentTarget(
            record.id, target, record.published_ms, published_by, note
        )

    def _append(self, record: RubricRecord) -> RubricRecord:
        return record._replace(published_ms=self._log.append(record))


def _sent(book: RubricBook, rubric: Rubric, target: ReviewTarget) -> SentTarget | None:
    return next((each for each in book.sent(rubric) if each.target == target), None)


def target_problem(rubric: Rubric, target: ReviewTarget) -> str | None:
    """Why a target cannot be an item of a rubric, by its form alone. None if it can."""
    if target.kind != rubric.target or target.kind == "topic":
        asked = "topics to write about" if rubric.target == "topic" else f"targets of kind {rubric.target}"
        return f"rubric {rubric.name} has {asked}, so this cannot be sent to it"
    if not target.conversation_id:
        return "the id of a conversation is needed"
    if target.kind == "conversation" and target.message_id:
        return f"rubric {rubric.name} is about whole conversations; leave the message out"
    if target.kind in ("answer", "prompt") and not target.message_id:
        return f"rubric {rubric.name} is about one {target.kind}; name its message"
    return None


def active_rubric(book: RubricBook, application: str, name: str) -> PublishedRubric:
    """The active version of a rubric.

    Raises:
        NotFoundError: there is none.
    """
    found = book.active.get((application, name))
    if found is None:
        names = ", ".join(each for owner, each in book.active if owner == application) or "none"
        raise NotFoundError(
            f"application {application} has no rubric {name} that is published; published are: {names}"
        )
    return found


def _refuse_continued(book: RubricBook, rubric: Rubric) -> None:
    known = {each.rubric.version: each for each in book.versions(rubric.application, rubric.name)}
    for version in rubric.continues:
        if version not in known:
            raise PublicationError(f"continues names version {version}, which was never published")
        earlier = known[version].rubric.target
        if earlier != rubric.target:
            raise PublicationError(
                f"continues names version {version}, whose items are of kind {earlier}, not {rubric.target}"
            )


def _refuse_other_salt(book: RubricBook, fingerprint: str | None) -> None:
    for each in book.active.values() if fingerprint is not None else ():
        if each.salt_fingerprint not in (None, fingerprint):
            name, version = each.rubric.name, each.rubric.version
            raise ReviewSaltError(
                f"rubric {name}@{version} of application {each.rubric.application} is active with another "
                f"PLAUDIT_REVIEW_SALT than the one that is set here; set the same one, then publish"
            )


def _taken(known: PublishedRubric | None, rubric: Rubric) -> str:
    name, version = rubric.name, rubric.version
    if known is not None and known.rubric == rubric:
        return (
            f"{name}@{version} was published with another PLAUDIT_REVIEW_SALT, so its random share would "
            "be another; set the same salt, or give the rubric another version"
        )
    return (
        f"another rubric was published as {name}@{version}; a version never changes, so give this one "
        "another version in its file"
    )
