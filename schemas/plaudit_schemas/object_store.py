"""Object stores: S3 and compatible stores, Google Cloud Storage, Azure Blob Storage. Needs obstore.

Credentials and regions come from the provider's own environment variables, such as `AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`.
"""

import os
from datetime import timedelta
from typing import Any, Final

from obstore.exceptions import BaseError
from obstore.store import from_url

from plaudit_schemas.settings.location import StoreLocation

_RETRY: Final[Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}


def store_at(location: StoreLocation) -> Any:
    """The store at a place. Connects to nothing yet.

    Raises:
        ValueError: the store cannot be used; the message has the library's words.
    """
    # The client refuses plain HTTP by default, but a store in the local network may offer nothing else.
    client: Any = {"timeout": timedelta(seconds=120), "allow_http": _plain_http()}
    try:
        return from_url(location.url, client_options=client, retry_config=_RETRY)
    except (BaseError, ValueError) as error:
        raise ValueError(first_line(error)) from None


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _plain_http() -> bool:
    endpoints = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
    return any(os.environ.get(name, "").startswith("http://") for name in endpoints)
