"""What can go wrong with a snapshot.

DatasetError
├── OutputExistsError    the output folder exists; a snapshot is never written over
├── SourceFileError      a file of the live root is foreign, damaged or of another schema
├── ConditionError       --where is no condition that a snapshot can be made by
└── SnapshotError        a folder is no snapshot, or was changed after it was built
"""

from plaudit_schemas.errors import PlauditError


class DatasetError(PlauditError):
    """A snapshot cannot be built or read."""


class OutputExistsError(DatasetError):
    """The output exists already."""


class SourceFileError(DatasetError):
    """A file of the live root is foreign, damaged or of another schema."""


class ConditionError(DatasetError):
    """The condition of --where cannot be used."""


class SnapshotError(DatasetError):
    """A folder is no snapshot, or was changed after it was built."""


def first_line(error: BaseException) -> str:
    """The first line of an error of DuckDB, Arrow or a store: the rest is context of their own."""
    return str(error).strip().partition("\n")[0]
