"""What a push has to do, from what the Hub has and what the snapshot has. Pure."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from plaudit_consumers.publishing.errors import OtherContentError

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push sends and deletes.

    Attributes:
        send: paths that the Hub lacks or has with another content.
        same: paths that the Hub has already.
        delete: paths of an earlier snapshot, and those that its configurations would take for rows.
        changed: those of `send` that the Hub has with another content.
    """

    send: tuple[str, ...]
    same: tuple[str, ...]
    delete: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def replaces(self) -> tuple[str, ...]:
        """What would be lost on the branch."""
        return (*self.changed, *self.delete)


def plan_push(own: Mapping[str, str], there: Mapping[str, str], earlier: Set[str]) -> PushPlan:
    """Compare a snapshot with a branch.

    Args:
        own: path -> checksum of the snapshot's files.
        there: path -> checksum, of the same kind, of the files on the branch.
        earlier: the paths of the snapshot on the branch, from its manifest.
    """
    folders = {path.partition("/")[0] for path in (*own, *earlier) if "/" in path}
    extra = [path for path in there if path not in own]
    return PushPlan(
        send=tuple(path for path in own if there.get(path) != own[path]),
        same=tuple(path for path in own if there.get(path) == own[path]),
        delete=tuple(path for path in extra if path in earlier or path.partition("/")[0] in folders),
        changed=tuple(path for path in own if path in there and there[path] != own[path]),
    )


def refuse_replacing(plan: PushPlan, place: str, earlier: str | None) -> None:
    """Refuse a push that would replace something.

    Args:
        earlier: what the snapshot on the branch says of itself; None if there is none.

    Raises:
        OtherContentError: it would.
    """
    lost = plan.replaces
    if not lost:
        return
    named = _names(lost)
    what = f"has {earlier}" if earlier else "has other content"
    raise OtherContentError(
        f"{place} {what}, and this push would replace {named}; push to a branch of its own "
        "(hf://organisation/name@branch), or add --replace"
    )


def _names(paths: Sequence[str]) -> str:
    more = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {more} more files" if more > 0 else "")
