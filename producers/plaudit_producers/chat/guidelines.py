"""The guidelines that stand beside the chat."""

from pathlib import Path
from typing import Final

from plaudit_schemas.errors import SettingsError

_MOST_BYTES: Final = 1 << 20


def read_guidelines(path: str | Path | None) -> str:
    """The text of a Markdown file; empty without a file.

    Raises:
        SettingsError: the file cannot be read.
    """
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise SettingsError(f"the guidelines {path} are larger than {_MOST_BYTES} bytes; shorten them")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"the guidelines {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the guidelines {path} are not text in UTF-8; save them as UTF-8") from None
