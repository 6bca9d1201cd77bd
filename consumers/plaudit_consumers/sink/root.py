"""The root as a whole: whose it is, what lies in it, and the README that readers open it with."""

from collections import defaultdict
from typing import Final

import orjson

from plaudit_consumers.rows.schemas import SUBSETS, Subset
from plaudit_consumers.sink.errors import ForeignFileError, LogChangedError
from plaudit_consumers.sink.names import LAYOUT, README, ROOT_FILE, parse
from plaudit_consumers.sink.output import Conflict, Output

_MARK: Final = "<!-- written by plaudit sink -->"
_BODY: Final = f"""
{_MARK}
Conversations with their feedback, as they finished. The folder is append-only: a conversation that got
feedback after its end has several revisions, and what was erased later is still here. Train on a snapshot of
it: `plaudit datasets build` keeps the latest revisions, applies erasures and splits by user.
"""


def claim_root(output: Output, topic: str, topic_id: str) -> None:
    """Bind the output to one topic, for good.

    Raises:
        LogChangedError: it was made from another one.
    """
    identity = orjson.dumps({"layout": LAYOUT, "topic": topic, "topic_id": topic_id})
    try:
        output.swap(ROOT_FILE, identity, None)
    except Conflict:
        loaded = output.load(ROOT_FILE)
        if loaded is not None and loaded[0] != identity:
            raise LogChangedError(
                f"the output was made from another topic ({ROOT_FILE} names it; this one is {topic}, "
                f"id {topic_id}): give the sink a new --output"
            ) from None


def canonical_files(output: Output) -> dict[int, list[str]]:
    """Canonical files by partition.

    Raises:
        ForeignFileError: a file has a name that no sink gives.
    """
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path in output.paths(f"{LAYOUT}/conversations"):
        found[parse(path)[1].partition].append(path)
    return found


def inspect(output: Output) -> set[Subset]:
    """Look at every file; the subsets that have some.

    Raises:
        ForeignFileError: a file is visibly damaged, or no sink wrote it.
    """
    found: set[Subset] = set()
    for path in output.paths(LAYOUT):
        found.add(parse(path)[0])
        if output.damaged(path):
            raise ForeignFileError(
                f"{path} is damaged: it does not end as Parquet does; move it out of the output"
            )
    loaded = output.load(README)
    if loaded is not None and _MARK.encode() not in loaded[0]:
        raise ForeignFileError(f"{README} was not written by a sink; give the sink a folder of its own")
    return found


class Readme:
    """`README.md`, with a configuration for each subset that has a file: readers stumble over others."""

    def __init__(self, output: Output, subsets: set[Subset]) -> None:
        self._output, self._subsets = output, set(subsets)
        if subsets:
            self._write()

    def note(self, subsets: set[Subset]) -> None:
        """Files of these subsets exist now."""
        if not subsets <= self._subsets:
            self._subsets |= subsets
            self._write()

    def _write(self) -> None:
        while True:
            self._output.replace(README, readme(self._subsets).encode())
            # Another sink may have written one that knows less, or more.
            known = {parse(path)[0] for path in self._output.paths(LAYOUT)}
            if known <= self._subsets:
                return
            self._subsets |= known


def readme(subsets: set[Subset]) -> str:
    """The text, with Hugging Face's `configs:` block."""
    lines = ["---", "configs:"]
    for subset in SUBSETS:
        if subset in subsets:
            lines += [f"- config_name: {subset}", f"  data_files: {LAYOUT}/{subset}/*/*.parquet"]
    return "\n".join([*lines, "---"]) + _BODY
