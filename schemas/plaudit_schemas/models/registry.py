"""The registry of models: publishes their versions, goes back to earlier ones, and withdraws them."""

import json
from collections.abc import Sequence

from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import NotFoundError, PublicationError
from plaudit_schemas.kafka.closing import ClosedByWith
from plaudit_schemas.kafka.publication_log import ANSWER_S, PublicationLog
from plaudit_schemas.models.activations import (
    ACTIVATION_DELAY_MS,
    MIN_DELAY_MS,
    ROLLBACK_DELAY_MS,
    Activation,
    Activations,
)
from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.models.publication_log import MODEL_LOG
from plaudit_schemas.models.publications import Publication, activations_of, before_newest, counted
from plaudit_schemas.settings.connection import ConnectionSettings


class ModelRegistry(ClosedByWith):
    """Publishes models, and tells what was published. Each call reads the topic anew and blocks on Kafka.

    Every method raises ServiceUnavailableError if Kafka does not answer, TopicError if the topic is missing
    or cannot be used, and RegistryError if a schema registry is set and gives no answer. Not thread-safe.
    """

    def __init__(
        self,
        connection: ConnectionSettings,
        *,
        min_delay_ms: int = MIN_DELAY_MS,
        timeout_s: float = ANSWER_S,
    ) -> None:
        """Does not wait for Kafka.

        Args:
            min_delay_ms: the least delay of a publication. Every `ActivationFollower` must have the same, and
                none less than that.
            timeout_s: how long Kafka may stay silent before a call raises ServiceUnavailableError.
        """
        self._log = PublicationLog(connection, MODEL_LOG, timeout_s=timeout_s)
        self._min_delay_ms = min_delay_ms

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._log.close()

    def publications(self, name: str | None = None) -> list[Publication]:
        """The publications that count, in their order: of one model, or of all."""
        return [each for each in counted(self._log.read().publications) if name in (None, each.name)]

    def known(self, name: str) -> list[Publication]:
        """The publications of a model that count, in their order.

        Raises:
            NotFoundError: nothing of that name was published.
        """
        known = self.publications()
        found = [each for each in known if each.name == name]
        if not found:
            names = ", ".join(sorted({each.name for each in known})) or "none"
            raise NotFoundError(f"no model {name} was published; published are: {names}")
        return found

    def unreadable(self) -> list[tuple[str, str]]:
        """The key of each record that this release cannot read, with the reason."""
        return self._log.read().unreadable

    def activations(self, name: str) -> Activations:
        """What was, is and will be active of a model."""
        return Activations(activations_of(self.publications(name)))

    def publish(
        self,
        manifest: ModelManifest,
        sha256: str,
        location: str,
        *,
        delay_ms: int = ACTIVATION_DELAY_MS,
        published_by: str | None = None,
        note: str | None = None,
    ) -> Activation:
        """Publish a version. If its folder is the newest publication already, that one is returned.

        It does not look at the folder: whoever calls has checked it.

        Args:
            sha256: of the folder's `plaudit-model.yaml`, as `read_manifest` gives it.
            location: where scorers find the folder: a path, or the URL of an object store.
            delay_ms: from the broker's timestamp to the activation.

        Raises:
            PublicationError: another folder was published as this version, or the delay is too short.
        """
        before = self.publications(manifest.name)
        newest = before[-1] if before else None
        if newest is not None and (newest.sha256, newest.location) == (sha256, location):
            return _activation(before, newest)
        _refuse_taken(before, manifest.name, manifest.version, sha256)
        document = manifest.document()
        # Canaries may be texts of people, and nothing is ever deleted from the topic.
        document.pop("canaries", None)
        return self._append(
            Publication(
                new_ulid(),
                "publish",
                manifest.name,
                manifest.version,
                sha256,
                location,
                delay_ms,
                newest.version or None if newest else None,
                published_by,
                note,
                json.dumps(document, ensure_ascii=False),
                0,
            )
        )

    def check_free(self, name: str, version: str, sha256: str) -> None:
        """Refuse a version that was published with another folder.

        Raises:
            PublicationError: it was.
        """
        _refuse_taken(self.publications(name), name, version, sha256)

    def rollback_target(self, name: str, version: str | None = None) -> Publication:
        """The publication that a rollback goes back to.

        Args:
            version: None takes the one before the newest.

        Raises:
            NotFoundError: there is no such publication.
            PublicationError: it is the newest already.
        """
        known = self.known(name)
        if version is None:
            found = before_newest(known)
            if found is None:
                raise NotFoundError(
                    f"{name} has no version before {known[-1].version}; "
                    f"`plaudit models withdraw {name}` ends its scoring"
                )
            return _at_its_place(known, found)
        if known[-1].version == version:
            raise PublicationError(f"{name}@{version} is the newest publication already")
        return _at_its_place(known, version_of(known, name, version))

    def rollback(
        self,
        target: Publication,
        *,
        delay_ms: int = ROLLBACK_DELAY_MS,
        published_by: str | None = None,
        note: str | None = None,
    ) -> Activation:
        """Make an earlier publication, as `rollback_target` gives it, active again.

        Raises:
            PublicationError: the delay is too short.
        """
        known = self.known(target.name)
        return self._append(
            target._replace(
                id=new_ulid(),
                action="rollback",
                delay_ms=delay_ms,
                replaces=known[-1].version or None,
                published_by=published_by,
                note=note,
            )
        )

    def withdraw(
        self,
        name: str,
        *,
        delay_ms: int = ROLLBACK_DELAY_MS,
        published_by: str | None = None,
        note: str | None = None,
    ) -> Activation:
        """End the scoring by a model: from the activation on, no version of it is active.

        Raises:
            NotFoundError: nothing of that name was published.
            PublicationError: it is withdrawn already, or the delay is too short.
        """
        newest = self.known(name)[-1]
        if newest.action == "withdraw":
            raise PublicationError(f"{name} is withdrawn already")
        return self._append(
            Publication(
                new_ulid(), "withdraw", name, "", "", "", delay_ms, newest.version, published_by, note, "", 0
            )
        )

    def _append(self, publication: Publication) -> Activation:
        if publication.delay_ms < self._min_delay_ms:
            raise PublicationError(
                f"the delay must be at least {self._min_delay_ms / 1000:g} s, so that every scorer hears of "
                "it in time"
            )
        self._log.append(publication)
        after = self.publications(publication.name)
        for each in after:
            if each.id == publication.id:
                return _activation(after, each)
        # Somebody else published another folder as this version a moment before.
        raise PublicationError(_taken(publication.name, publication.version))


def version_of(known: Sequence[Publication], name: str, version: str) -> Publication:
    """The last publication of a version.

    Args:
        known: the publications of this name.

    Raises:
        NotFoundError: there is none.
    """
    for each in reversed(known):
        if version and each.version == version:  # a withdrawal has none
            return each
    versions = ", ".join(dict.fromkeys(each.version for each in known if each.version)) or "none"
    raise NotFoundError(f"{name}@{version} was not published; its versions are: {versions}")


def _activation(known: Sequence[Publication], publication: Publication) -> Activation:
    return next(each for each in activations_of(known) if each.id == publication.id)


def _at_its_place(known: Sequence[Publication], publication: Publication) -> Publication:
    """With the place where its folder was published last."""
    return publication._replace(location=_activation(known, publication).location)


def _refuse_taken(known: Sequence[Publication], name: str, version: str, sha256: str) -> None:
    if any(each.version == version and each.sha256 != sha256 for each in known):
        raise PublicationError(_taken(name, version))


def _taken(name: str, version: str) -> str:
    return (
        f"another folder was published as {name}@{version}; a version never changes, so give this one "
        "another version in plaudit-model.yaml"
    )
