"""The root as a whole: the topic it belongs to, the files in it, and its README for readers."""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Set
from typing import Final

import orjson

from plaudit_consumers.rows.schemas import RECORDS, Subset
from plaudit_consumers.sink.errors import ForeignFileError, LogChangedError
from plaudit_consumers.sink.layout import EARLIER_TRAINING, LAYOUT, README, ROOT_FILE, parse_path
from plaudit_consumers.sink.outputs.output import OutputRoot, VersionConflict

# Tells the README of a sink, which may be replaced, from a file that somebody else put there.
_MARK: Final = "<!-- written by plaudit sink -->"
_BODY: Final = f"""
{_MARK}
Conversations with their feedback, written as they finished. The folder is append-only: a conversation that
got feedback after its end has several revisions, and content that was erased later is still here. What was
said too late for a revision is in `amendments`. Train on a snapshot of it: `plaudit datasets build` keeps the
latest revisions, applies erasures, makes training rows and splits by user.
"""
_EVERY_S: Final = 1.0
"""Some stores take no more than one write of a file in a second."""


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
    """Check every file, except training rows of an earlier sink. Returns the subsets that have a file.

    Raises:
        ForeignFileError: a file is visibly damaged, or no sink wrote it.
    """
    found: set[Subset] = set()
    for path in output.paths(LAYOUT, but=EARLIER_TRAINING):
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
    """`README.md` of the root, which Hugging Face `datasets` reads.

    It names only subsets that have a file: readers fail on one without files. And it changes with every file
    that is written: `datasets` names its cache by what the README says and looks at no file, so it would go
    on giving its old rows.
    """

    def __init__(
        self, output: OutputRoot, subsets: Set[Subset], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Write it if there are files. A sink that was killed may have left it as it was before its last one.

        Args:
            subsets: those that have a file.
            clock: in seconds.
        """
        self._output, self._subsets, self._clock = output, set(subsets), clock
        self._written_s = -_EVERY_S
        self._is_behind = bool(subsets)
        self.refresh()

    def note_files(self, subsets: Set[Subset]) -> None:
        """Note that these subsets have a new file. `refresh` writes the README."""
        self._subsets.update(subsets)
        self._is_behind = self._is_behind or bool(subsets)

    def refresh(self, *, at_once: bool = False) -> None:
        """Write it if there are new files, unless that was done less than a second ago.

        Args:
            at_once: do not wait for the second to pass.
        """
        if self._is_behind and (at_once or self._clock() - self._written_s >= _EVERY_S):
            self._write()
            self._written_s, self._is_behind = self._clock(), False

    def _write(self) -> None:
        while True:
            self._output.replace(README, readme_text(self._subsets, uuid.uuid4().hex).encode())
            # Two sinks may overwrite each other's README. Looking after the write finds a subset that the
            # other one has published meanwhile.
            missing = [subset for subset in RECORDS if subset not in self._subsets]
            published = {subset for subset in missing if self._output.paths(f"{LAYOUT}/{subset}")}
            if not published:
                return
            self._subsets.update(published)


def readme_text(subsets: Set[Subset], state: str) -> str:
    """The README, with the `configs:` block that Hugging Face `datasets` reads.

    Args:
        state: a name for the files of now, which no earlier README has.
    """
    lines = ["---", "configs:"]
    for subset in RECORDS:
        if subset in subsets:
            files = f"{LAYOUT}/{subset}/*/*.parquet"
            lines += [
                f"- config_name: {subset}", f"  data_files: {files}", f"  description: state {state}",
            ]  # fmt: skip
    return "\n".join([*lines, "---"]) + _BODY
