"""Turns a request's credentials into a principal."""

import asyncio
import logging

from plaudit_producers.gateway.access.api_keys import key_id_of, matches_key
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier
from plaudit_producers.gateway.access.key_stores import ApiKeys, KeyStore
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.errors import KeyStoreError, UnauthenticatedError

log = logging.getLogger("plaudit.gateway")


class Authenticator:
    """Knows the API keys as of the last successful `refresh`, and none before the first one."""

    def __init__(self, store: KeyStore, verify: TokenVerifier) -> None:
        self._store = store
        self._verify = verify
        self._keys: ApiKeys | None = None

    @property
    def ready(self) -> bool:
        """Whether the keys have been read at least once."""
        return self._keys is not None

    async def refresh(self) -> None:
        """Read the keys again. After an error, which is logged, the keys read before stay in use."""
        try:
            self._keys = await asyncio.to_thread(self._store.load)
        except KeyStoreError as error:
            log.warning("the API keys could not be read again; those read before stay in use: %s", error)

    def principal_of_header(self, authorization: str | None) -> Principal:
        """The principal that an Authorization header identifies.

        Raises:
            UnauthenticatedError: the header holds no valid API key or browser token.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise UnauthenticatedError("send an API key or a browser token as `Authorization: Bearer ...`")
        return self.principal_of(credential.strip())

    def principal_of(self, credential: str) -> Principal:
        """The principal that an API key or a browser token identifies.

        Raises:
            UnauthenticatedError: the credential is not valid.
        """
        keys: ApiKeys = self._keys or {}
        key_id = key_id_of(credential)
        if key_id is not None:
            key = keys.get(key_id)
            if key is None or not matches_key(key, credential):
                raise UnauthenticatedError("the API key is unknown or was revoked")
            return key.principal()
        principal = self._verify(credential).principal
        # A revoked key must stop the tokens that it made, too.
        maker = keys.get(principal.key_id)
        if maker is None or maker.application != principal.application:
            raise UnauthenticatedError("the API key that the token was made with was revoked")
        return principal
