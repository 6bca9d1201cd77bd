"""Where the files of a partition end: what is committed, and what a crash left half-way."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.files.metadata import read_metadata
from plaudit_consumers.sink.layout import FileSpan, parse_path
from plaudit_consumers.sink.outputs.output import OutputRoot


class CommittedFile(NamedTuple):
    """The file that is the commit of its range: the canonical one, or that of a range of amendments alone."""

    span: FileSpan
    subset: Subset

    @property
    def path(self) -> str:
        """The path of the file under the root."""
        return self.span.path(self.subset)


class FileEnd(NamedTuple):
    """Where the files of a partition end.

    Attributes:
        committed: the last commit at or beyond the position; None without one.
        begun: the range after it, if its amendments are published and its canonical file is still to come.
            It is as good as a claim, because nothing is published without one.
    """

    committed: CommittedFile | None = None
    begun: FileSpan | None = None


def file_end(output: OutputRoot, paths: Iterable[str], position: int) -> FileEnd:
    """Where a partition ends by its files of records, as far as they reach beyond a position.

    Raises:
        ForeignFileError: two ranges have the same offsets, a file is damaged, or no sink gives such a name.
    """
    found: dict[FileSpan, list[Subset]] = {}
    for path in paths:
        subset, span = parse_path(path)
        found.setdefault(span, []).append(subset)
    spans = sorted(found, key=lambda span: span.first)
    for before, after in pairwise(spans):
        if after.first <= before.last:
            raise ForeignFileError(
                f"{before.path(found[before][0])} and {after.path(found[after][0])} hold the same offsets; "
                "move the one that no sink wrote out of the output"
            )
    begun = None
    if spans and _is_begun(output, spans[-1], found[spans[-1]], position):
        begun = spans.pop()
    if not spans or spans[-1].last < position:
        return FileEnd(None, begun)
    last = spans[-1]
    canonical = "conversations" in found[last]
    return FileEnd(CommittedFile(last, "conversations" if canonical else "amendments"), begun)


def _is_begun(output: OutputRoot, span: FileSpan, subsets: Iterable[Subset], position: int) -> bool:
    """Whether a range lacks its canonical file. Of an earlier range somebody may have deleted it."""
    if "conversations" in subsets or span.last < position:
        return False
    return read_metadata(output, span.path("amendments")).conversations > 0
