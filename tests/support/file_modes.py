"""Which files others than their owner may read or write."""

from pathlib import Path


def open_to_others(folder: Path) -> list[str]:
    """The folder, and all in it, that are not their owner's alone. Sockets and links are left out."""
    found = [path for path in (folder, *folder.rglob("*")) if path.is_dir() or path.is_file()]
    return [str(path) for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]
