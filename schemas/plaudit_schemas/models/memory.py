"""Whether a model fits the memory of this machine. A process that runs out of it is killed without a word."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from plaudit_schemas.errors import ModelError
from plaudit_schemas.models.manifest import GRAPH_NAME

_COPIES: Final = 2
"""While ONNX Runtime loads weights it holds them twice: as they are in the file, and as it uses them."""
_CONTROL_GROUP: Final = Path("/sys/fs/cgroup")
_MEMINFO: Final = Path("/proc/meminfo")


def check_memory(folder: Path, files: Iterable[str], available: int | None = None) -> None:
    """Refuse a model that this machine cannot load.

    Args:
        available: bytes; None asks the machine.

    Raises:
        ModelError: it needs more than there is.
    """
    if available is None:
        available = available_bytes()
    weights = {GRAPH_NAME} | {name for name in files if Path(name).suffix not in (".md", ".png")}
    needed = _COPIES * sum((folder / name).stat().st_size for name in weights)
    if available is not None and needed > available:
        raise ModelError(
            f"{folder} needs about {needed >> 20} MiB of memory to be loaded, and {available >> 20} MiB are "
            "free; give the process more, or take a smaller model"
        )


def available_bytes(meminfo: Path = _MEMINFO, group: Path = _CONTROL_GROUP) -> int | None:
    """Memory that this process can still have; None where the system does not say."""
    known = [bytes_ for bytes_ in (_free_of_machine(meminfo), _free_of_group(group)) if bytes_ is not None]
    return min(known, default=None)


def _free_of_machine(path: Path) -> int | None:
    try:
        fields = dict(line.split(":", 1) for line in path.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _free_of_group(folder: Path) -> int | None:
    """What the container's limit leaves, without the pages that can be dropped."""
    try:
        most = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return most - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None  # no control group of version 2, or "max"
