"""What was published of models, in the order of the topic `plaudit.models`. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from plaudit_schemas.models.activations import Activation

Action = Literal["publish", "rollback", "withdraw"]

_ACTIONS: Final = ("publish", "rollback", "withdraw")


class Publication(NamedTuple):
    """One record of the topic: from a time on a version is active, or after a withdrawal none.

    Attributes:
        id: a ULID.
        version, sha256, location, manifest: as in an `Activation`; empty for a withdrawal.
        delay_ms: from the broker's timestamp to the activation.
        replaces: the version that was published before; None if there was none.
        manifest: the content of `plaudit-model.yaml` as JSON, without its canaries.
        published_ms: the broker's timestamp.
    """

    id: str
    action: Action
    name: str
    version: str
    sha256: str
    location: str
    delay_ms: int
    replaces: str | None
    published_by: str | None
    note: str | None
    manifest: str
    published_ms: int

    @property
    def active_from_ms(self) -> int:
        """From when it counts, in the broker's time."""
        return self.published_ms + self.delay_ms

    @property
    def key(self) -> bytes:
        """The record's key."""
        return f"{self.name}/{self.id}".encode()

    def to_record(self) -> dict[str, Any]:
        """The record as `Encoder("model_publication")` takes it."""
        record = self._asdict()
        del record["published_ms"]
        return {key: None if value == "" else value for key, value in record.items()}


def publication_of(record: dict[str, Any], timestamp_ms: int) -> Publication:
    """A publication from its decoded record and the broker's timestamp.

    Raises:
        ValueError: a later release wrote it, and did something that this one does not know.
    """
    action = record["action"]
    if action not in _ACTIONS:
        raise ValueError("its action is unknown to this release; upgrade it")
    copied_from = record["copied_from"]
    return Publication(
        record["id"],
        cast("Action", action),
        record["name"],
        record["version"] or "",
        record["sha256"] or "",
        record["location"] or "",
        record["delay_ms"],
        record["replaces"],
        record["published_by"],
        record["note"],
        record["manifest"] or "",
        timestamp_ms if copied_from is None else copied_from // 1000,
    )


def counted(publications: Iterable[Publication]) -> list[Publication]:
    """The publications that count, in their order.

    A version belongs to the folder that was published under it first. Another folder does not count: two
    people may have published at the same moment, and every reader must see the same one.
    """
    folders: dict[tuple[str, str], str] = {}
    return [
        each
        for each in publications
        if each.action == "withdraw"
        or folders.setdefault((each.name, each.version), each.sha256) == each.sha256
    ]


def activations_of(publications: Iterable[Publication]) -> list[Activation]:
    """The activations of publications that count. Each has the place where its folder was published last."""
    known = counted(publications)
    places = {each.sha256: each.location for each in known}
    return [
        Activation(
            each.id,
            each.name,
            each.version,
            each.sha256,
            places[each.sha256],
            each.published_ms,
            each.active_from_ms,
        )
        for each in known
    ]


def before_newest(publications: Sequence[Publication]) -> Publication | None:
    """The publication that a rollback goes back to: of the version before the newest. None if there is none.

    Rollbacks and withdrawals are undone like steps back: after 1, 2, 3 and a rollback to 2 it is 1.

    Args:
        publications: of one name, those that count.
    """
    steps: list[Publication] = []
    for each in publications:
        if each.action == "rollback":
            while steps and steps[-1].version != each.version:
                steps.pop()
        if not steps or steps[-1].version != each.version:
            steps.append(each)
    while steps and steps[-1].version in ("", publications[-1].version):
        steps.pop()
    return steps[-1] if steps else None
