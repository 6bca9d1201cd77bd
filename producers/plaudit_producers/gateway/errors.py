"""Errors of the gateway's own making; over HTTP each is a problem (`problems.py`).

PlauditError
└── GatewayError
    ├── UnauthenticatedError   no key or token, or one that is not (or no longer) good
    └── KeyStoreError          the API keys cannot be read or written
"""

from plaudit_schemas.errors import PlauditError


class GatewayError(PlauditError):
    """The gateway cannot do what was asked."""


class UnauthenticatedError(GatewayError):
    """Neither an API key nor a browser token that is good now."""


class KeyStoreError(GatewayError):
    """The store of API keys cannot be read or written."""
