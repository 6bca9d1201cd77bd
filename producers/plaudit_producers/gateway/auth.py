"""From a request's credentials to a principal."""

import asyncio
import logging
from collections.abc import Mapping

from plaudit_producers.gateway.access import Principal
from plaudit_producers.gateway.errors import KeyStoreError, UnauthenticatedError
from plaudit_producers.gateway.keys import ApiKey, key_id_of, matches
from plaudit_producers.gateway.keystore import Keys, KeyStore
from plaudit_producers.gateway.tokens import Verifier

log = logging.getLogger("plaudit.gateway")


class Authenticator:
    """Knows the API keys as they were at the last `refresh`; none before the first one."""

    def __init__(self, store: KeyStore, verify: Verifier) -> None:
        self._store = store
        self._verify = verify
        self._keys: Keys | None = None

    @property
    def ready(self) -> bool:
        """Whether the keys were read once."""
        return self._keys is not None

    async def refresh(self) -> None:
        """Read the keys again; an error is logged, and the keys stay those that were known."""
        try:
            self._keys = await asyncio.to_thread(self._store.load)
        except KeyStoreError as error:
            log.warning("the API keys stay as they were known: %s", error)

    def principal(self, authorization: str | None) -> Principal:
        """Who sends this Authorization header.

        Raises:
            UnauthenticatedError: nobody that is known.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise UnauthenticatedError("send an API key or a browser token as `Authorization: Bearer ...`")
        return self.bearer(credential.strip())

    def bearer(self, credential: str) -> Principal:
        """Who holds an API key or a browser token.

        Raises:
            UnauthenticatedError: nobody that is known.
        """
        keys: Mapping[str, ApiKey] = self._keys or {}
        key_id = key_id_of(credential)
        if key_id is not None:
            return self._server(keys, key_id, credential)
        principal = self._verify(credential).principal
        maker = keys.get(principal.key_id)
        if maker is None or maker.application != principal.application:
            raise UnauthenticatedError("the API key that the token was made with was revoked")
        return principal

    def _server(self, keys: Mapping[str, ApiKey], key_id: str, secret: str) -> Principal:
        key = keys.get(key_id)
        if key is None or not matches(key, secret):
            raise UnauthenticatedError("the API key is unknown or was revoked")
        return key.principal()
