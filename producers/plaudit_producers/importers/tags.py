"""Tags as a command line has them."""

from collections.abc import Iterable

from plaudit_schemas.errors import SettingsError


def tags_of(texts: Iterable[str]) -> dict[str, str]:
    """The tags of several `--tag NAME=VALUE`.

    Raises:
        SettingsError: one has no name or no value.
    """
    pairs = [text.partition("=") for text in texts]
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise SettingsError(f"--tag takes NAME=VALUE, such as licence=MIT, not {wrong[0]}")
    return {name: value for name, _, value in pairs}
