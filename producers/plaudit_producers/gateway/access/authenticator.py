"""From a request's credentials to a principal."""

import asyncio
import logging

from plaudit_producers.gateway.access.api_keys import key_id_of, matches_key
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier
from plaudit_producers.gateway.access.key_stores import ApiKeys, KeyStore
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.errors import KeyStoreError, UnauthenticatedError

log = logging.getLogger("plaudit.gateway")


class Authenticator:
    """Knows the API keys as they were at the last `refresh`; none before the first one."""

    def __init__(self, store: KeyStore, verify: TokenVerifier) -> None:
        self._store = store
        self._verify = verify
        self._keys: ApiKeys | None = None

    @property
    def ready(self) -> bool:
        """Whether the keys were read once."""
        return self._keys is not None

    async def refresh(self) -> None:
        """Read the keys again. An error is logged, and the keys stay as they were known."""
        try:
            self._keys = await asyncio.to_thread(self._store.load)
        except KeyStoreError as error:
            log.warning("the API keys stay as they were known: %s", error)

    def principal_of_header(self, authorization: str | None) -> Principal:
        """Who sends this Authorization header.

        Raises:
            UnauthenticatedError: nobody that is known.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise UnauthenticatedError("send an API key or a browser token as `Authorization: Bearer ...`")
        return self.principal_of(credential.strip())

    def principal_of(self, credential: str) -> Principal:
        """Who holds an API key or a browser token.

        Raises:
            UnauthenticatedError: nobody that is known.
        """
        keys: ApiKeys = self._keys or {}
        key_id = key_id_of(credential)
        if key_id is not None:
            key = keys.get(key_id)
            if key is None or not matches_key(key, credential):
                raise UnauthenticatedError("the API key is unknown or was revoked")
            return key.principal()
        principal = self._verify(credential).principal
        maker = keys.get(principal.key_id)
        if maker is None or maker.application != principal.application:
            raise UnauthenticatedError("the API key that the token was made with was revoked")
        return principal
