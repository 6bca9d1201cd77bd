"""Errors of the gateway; over HTTP each becomes a problem (`http/problems.py`).

PlauditError
└── GatewayError
    ├── UnauthenticatedError   there is no API key or token, or it is not valid now
    └── KeyStoreError          the API keys cannot be read or written
"""

from plaudit_schemas.errors import PlauditError


class GatewayError(PlauditError):
    """The gateway cannot do what was asked."""


class UnauthenticatedError(GatewayError):
    """There is neither an API key nor a browser token that is valid now."""


class KeyStoreError(GatewayError):
    """The store of API keys cannot be read or written."""
