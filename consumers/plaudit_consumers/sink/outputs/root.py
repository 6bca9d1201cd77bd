"""The root as a whole: the topic it belongs to, the files in it, and its README for readers."""

from collections import defaultdict
from collections.abc import Set
from typing import Final

import orjson

from plaudit_consumers.rows.schemas import RECORDS, SUBSETS, Subset
from plaudit_consumers.sink.errors import ForeignFileError, LogChangedError
from plaudit_consumers.sink.layout import LAYOUT, README, ROOT_FILE, parse_path
from plaudit_consumers.sink.outputs.output import OutputRoot, VersionConflict

# Tells the README of a sink, which may be replaced, from a file that somebody else put there.
_MARK: Final = "<!-- written by plaudit sink -->"
_BODY: Final = f"""
{_MARK}
Conversations with their feedback, written as they finished. The folder is append-only: a conversation that
got feedback after its end has several revisions, and content that was erased later is still here. What was
said too late for a revision is in `amendments`. Train on a snapshot of it: `plaudit datasets build` keeps the
latest revisions, applies erasures and splits by user.
"""


def claim_root(output: OutputRoot, topic: str, topic_id: str) -> None:
    """Bind the output to one topic permanently.

    Offsets mean nothing across topics, and a recreated topic has the same name: so the id is kept too.

    Raises:
        LogChangedError: the output belongs to another topic.
    """
    identity = orjson.dumps({"layout": LAYOUT, "topic": topic, "topic_id": topic_id})
    try:
        output.swap(ROOT_FILE, identity, None)
    except VersionConflict:
        loaded = output.load(ROOT_FILE)
        if loaded is not None and loaded[0] != identity:
            raise LogChangedError(
                f"the output was made from another topic ({ROOT_FILE} names it; this one is {topic}, "
                f"id {topic_id}): give the sink a new --output"
            ) from None


def record_files(output: OutputRoot) -> dict[int, list[str]]:
    """The paths of the canonical files and of those of amendments, by partition.

    Raises:
        ForeignFileError: a file has a name that no sink gives.
    """
    found: defaultdict[int, list[str]] = defaultdict(list)
    for subset in RECORDS:
        for path in output.paths(f"{LAYOUT}/{subset}"):
            found[parse_path(path)[1].partition].append(path)
    return found


def inspect_files(output: OutputRoot) -> set[Subset]:
    """Check every file. Returns the subsets that have a file.

    Raises:
        ForeignFileError: a file is visibly damaged, or no sink wrote it.
    """
    found: set[Subset] = set()
    for path in output.paths(LAYOUT):
        found.add(parse_path(path)[0])
        if output.looks_damaged(path):
            raise ForeignFileError(
                f"{path} is damaged: it does not end like a Parquet file; move it out of the output"
            )
    loaded = output.load(README)
    if loaded is not None and _MARK.encode() not in loaded[0]:
        raise ForeignFileError(f"{README} was not written by a sink; give the sink a folder of its own")
    return found


class RootReadme:
    """`README.md` of the root. It names only subsets that have a file: readers fail on one without files."""

    def __init__(self, output: OutputRoot, subsets: Set[Subset]) -> None:
        self._output, self._subsets = output, set(subsets)
        if subsets:
            self._write()

    def add_subsets(self, subsets: Set[Subset]) -> None:
        """Add these subsets to the README."""
        if not subsets <= self._subsets:
            self._subsets.update(subsets)
            self._write()

    def _write(self) -> None:
        while True:
            self._output.replace(README, readme_text(self._subsets).encode())
            # Two sinks may overwrite each other's README. Listing the files after the write finds a subset
            # that the other one has published meanwhile.
            published = {parse_path(path)[0] for path in self._output.paths(LAYOUT)}
            if published <= self._subsets:
                return
            self._subsets.update(published)


def readme_text(subsets: Set[Subset]) -> str:
    """The README, with the `configs:` block that Hugging Face `datasets` reads."""
    lines = ["---", "configs:"]
    for subset in SUBSETS:
        if subset in subsets:
            lines += [f"- config_name: {subset}", f"  data_files: {LAYOUT}/{subset}/*/*.parquet"]
    return "\n".join([*lines, "---"]) + _BODY
