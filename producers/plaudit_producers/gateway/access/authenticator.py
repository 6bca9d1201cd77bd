"""Turns a request's credentials into a principal."""

import asyncio

from plaudit_producers.gateway.access.api_keys import key_id_of, matches_key
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.errors import NothingKnownYetError, UnauthenticatedError


class Authenticator:
    """Lets in who has one of the known API keys, or a browser token that one of them made.

    Attributes:
        known: the keys as of the last successful `refresh`; none before the first one.
    """

    def __init__(self, known: KnownKeys, verify: TokenVerifier) -> None:
        self.known = known
        self._verify = verify

    @property
    def ready(self) -> bool:
        """Whether the keys have been read at least once."""
        return self.known.keys is not None

    async def refresh(self) -> None:
        """Read the keys again. After an error, which is logged, the keys read before stay in use."""
        await asyncio.to_thread(self.known.read)

    def principal_of_header(self, authorization: str | None) -> Principal:
        """The principal that an Authorization header identifies.

        Raises:
            UnauthenticatedError: the header holds no valid API key or browser token.
            NothingKnownYetError: nobody can say, before the first reading of the keys.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise UnauthenticatedError("send an API key or a browser token as `Authorization: Bearer ...`")
        return self.principal_of(credential.strip())

    def principal_of(self, credential: str) -> Principal:
        """The principal that an API key or a browser token identifies.

        Raises:
            UnauthenticatedError: the credential is not valid.
            NothingKnownYetError: nobody can say, before the first reading of the keys.
        """
        keys = self.known.keys
        if keys is None:
            raise NothingKnownYetError("the API keys have not been read yet; try again")
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
