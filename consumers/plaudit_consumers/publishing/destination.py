"""A place on the Hugging Face Hub, as `hf://organisation/name@revision`. Pure."""

import re
from typing import Final, NamedTuple

from plaudit_consumers.publishing.errors import DestinationError

MAIN: Final = "main"
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_PLACE: Final = re.compile(rf"hf://(?:datasets/)?({_PART}/{_PART})(?:@([A-Za-z0-9._/-]+))?/?")
_LONGEST: Final = 96
"""Characters of a repository's id, by the Hub's rule."""


class HubDestination(NamedTuple):
    """A branch of a dataset on the Hub.

    Attributes:
        repository: `organisation/name`.
        revision: the branch; `main` if none is named.
    """

    repository: str
    revision: str

    def __str__(self) -> str:
        """The destination as one writes it."""
        branch = "" if self.revision == MAIN else f"@{self.revision}"
        return f"hf://{self.repository}{branch}"


def parse_destination(text: str) -> HubDestination:
    """Read a destination.

    Raises:
        DestinationError: it is not one.
    """
    found = _PLACE.fullmatch(text)
    revision = (found and found[2]) or MAIN
    if found is None or len(found[1]) > _LONGEST or any(odd in found[1] for odd in ("--", "..")):
        raise DestinationError(
            f"{text!r} is not a dataset on the Hub; write hf://organisation/name, or hf://organisation/name@branch"
        )
    if revision.startswith("refs/") or ".." in revision or revision.endswith((".lock", "/", ".")):
        raise DestinationError(f"{revision!r} is not a branch; a snapshot is sent to a branch, such as main")
    return HubDestination(found[1], revision)
