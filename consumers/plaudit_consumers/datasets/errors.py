"""Errors of snapshots.

DatasetError
├── OutputExistsError    the output folder exists; a snapshot is never overwritten
├── OutputPlaceError     the output lies in the root, or around it
├── DiskFullError        the disk of the output is full
├── SourceFileError      a file of the live root is foreign, damaged or of another schema
├── ConditionError       the condition of --where cannot be used
└── SnapshotError        a folder is not a snapshot, or was changed after it was built
"""

from plaudit_schemas.errors import PlauditError


class DatasetError(PlauditError):
    """A snapshot cannot be built or read."""


class OutputExistsError(DatasetError):
    """The output exists already."""


class OutputPlaceError(DatasetError):
    """The output lies in the root, or around it."""


class DiskFullError(DatasetError):
    """The disk of the output is full."""


class SourceFileError(DatasetError):
    """A file of the live root is foreign, damaged or of another schema."""


class ConditionError(DatasetError):
    """The condition of --where cannot be used."""


class SnapshotError(DatasetError):
    """A folder is not a snapshot, or was changed after it was built."""


def first_line(error: BaseException) -> str:
    """The first line of an error. Further lines of DuckDB, Arrow and stores are internal context."""
    return str(error).strip().partition("\n")[0]
