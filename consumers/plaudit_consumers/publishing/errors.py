"""Errors of named and published snapshots.

DatasetError
├── RegisterError             the register of names cannot be used as it is
│   ├── SnapshotNameTakenError  the name stands for another snapshot
│   └── UnknownNameError        no snapshot has the name
└── PushError                 a snapshot cannot be sent to the Hub
    ├── DestinationError      the destination is not one of the Hub, or the Hub refuses it
    ├── MissingTokenError     there is no token, or the Hub does not know it
    ├── NoRightsError         the token may not write there
    ├── HubUnavailableError   the Hub cannot be reached, or does not work at the moment
    └── OtherContentError     the push would replace what somebody else put there
"""

from plaudit_consumers.datasets.errors import DatasetError


class RegisterError(DatasetError):
    """The register of names cannot be used as it is."""


class SnapshotNameTakenError(RegisterError):
    """The name stands for another snapshot."""


class UnknownNameError(RegisterError):
    """No snapshot has the name."""


class PushError(DatasetError):
    """A snapshot cannot be sent to the Hub."""


class DestinationError(PushError):
    """The destination is not one of the Hub, or the Hub refuses it."""


class MissingTokenError(PushError):
    """There is no token, or the Hub does not know it."""


class NoRightsError(PushError):
    """The token may not write to the destination."""


class HubUnavailableError(PushError):
    """The Hub cannot be reached, or does not work at the moment."""


class OtherContentError(PushError):
    """The push would replace what somebody else put there."""
