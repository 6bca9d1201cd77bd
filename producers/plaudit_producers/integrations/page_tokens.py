"""Browser tokens for pages, which the gateway makes for a server's API key."""

import json
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from plaudit_schemas.errors import ServiceUnavailableError, SettingsError

_ANSWER_S: Final = 5.0
_AGAIN_S: Final = 2


class TokenUnavailableError(ServiceUnavailableError):
    """The gateway gave no token. `retry_after_s` says when to ask again."""

    def __init__(self, text: str, retry_after_s: int = _AGAIN_S) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class PageTokens:
    """Gets browser tokens from a gateway.

    Args:
        gateway: the gateway's URL, as this server reaches it.
        key: an API key with the role producer.
        path: where `PlauditMiddleware` gives tokens to pages.
        granted: `roles`, `grants`, `read` and `lifetime_s` of every token, as in docs/gateway.md.

    Raises:
        SettingsError: the URL is none of http or https, or the key or the path is empty.
    """

    def __init__(self, gateway: str, key: str, path: str = "/plaudit/token", **granted: Any) -> None:
        if not _is_url(gateway):
            raise SettingsError(
                f"the gateway's URL {gateway!r} must begin with http:// or https:// and a host"
            )
        key = key.strip()
        if not (key and key.isascii() and key.isprintable()) or not path.startswith("/"):
            raise SettingsError("tokens for pages need an API key, and a path that begins with a slash")
        self.path = path
        self._granted = granted
        self.secret = key.encode()
        self._url = f"{gateway.rstrip('/')}/v1/tokens"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def __repr__(self) -> str:
        return f"PageTokens({self._url!r}, key=********)"

    def fetch(self, conversation_id: str, user_id: str | None = None, **wanted: Any) -> dict[str, Any]:
        """Ask for a token. First make sure that the conversation is the visitor's.

        Blocks, at most a few seconds.

        Args:
            wanted: as `granted` of the class, for this token alone.

        Returns:
            `token`, `conversation_id` and `expires_at`, which the browser client takes.

        Raises:
            SettingsError: the gateway refuses the key or the request.
            TokenUnavailableError: the gateway does not answer, or is busy.
        """
        asked = {"conversation_id": conversation_id, "user_id": user_id, **self._granted, **wanted}
        body = json.dumps(asked).encode()
        request = Request(self._url, body, self._headers)  # noqa: S310  # of http or https
        try:
            with urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310  # as above
                made: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            with error:
                raise _refusal(error) from None
        except (OSError, ValueError, HTTPException) as error:
            raise TokenUnavailableError(f"{self._url} gives no token: {error}") from None
        return made


def _is_url(gateway: str) -> bool:
    try:
        parts = urlsplit(gateway)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        return False


def _refusal(error: HTTPError) -> Exception:
    if error.code in (429, 503):
        after = error.headers.get("Retry-After", "")
        seconds = int(after) if after.isdecimal() else _AGAIN_S
        return TokenUnavailableError(f"the gateway is busy (status {error.code}); ask again later", seconds)
    advice = {
        401: "the key must be a valid API key",
        403: "the key must be an API key with the role producer",
        404: "the URL must be the gateway's",
    }.get(error.code, "look at what is asked for: the conversation, the user and the rest of the request")
    return SettingsError(f"the gateway gives no token (status {error.code}); {advice}")
