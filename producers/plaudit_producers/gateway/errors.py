"""Errors of the gateway. Over HTTP each becomes a problem (`http/problems.py`).

PlauditError
└── GatewayError
    ├── UnauthenticatedError   the caller gave no API key or browser token that is valid now
    ├── NothingKnownYetError   the keys that say who a caller is have not been read since the start
    ├── KeyStoreError          the API keys cannot be read or written
    └── GzipError              a request's body is not gzip
"""

from plaudit_schemas.errors import PlauditError


class GatewayError(PlauditError):
    """The gateway cannot do what was asked."""


class UnauthenticatedError(GatewayError):
    """The caller gave no API key or browser token that is valid now."""


class NothingKnownYetError(GatewayError):
    """The keys that say who a caller is have not been read since the start; the caller may try again."""


class KeyStoreError(GatewayError):
    """The store of API keys cannot be read or written."""


class GzipError(GatewayError):
    """A request's body is not gzip, or its end is missing."""
