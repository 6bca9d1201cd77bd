"""Makes writes survive a crash of the machine."""

import os
from pathlib import Path


def fsync_path(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    # Folders come here too: a new or renamed file survives a power cut only once its folder is synced.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
