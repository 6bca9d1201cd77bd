"""Errors of the local stack.

StackError
├── DownloadError        a server's files could not be fetched, or have a wrong checksum
├── ServerStartError     a server did not start; the text ends with the tail of its log
└── AlreadyRunningError  another process runs servers on the same data
"""

from plaudit_schemas.errors import PlauditError


class StackError(PlauditError):
    """The local stack cannot do what was asked."""


class DownloadError(StackError):
    """A server's files could not be fetched, or have a wrong checksum."""


class ServerStartError(StackError):
    """A server did not start."""


class AlreadyRunningError(StackError):
    """Another process runs servers on the same data."""
