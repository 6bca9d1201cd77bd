"""Settings that every web server has: the gateway, the console and the chat page."""

from pydantic import Field

from plaudit_schemas.settings.model import Settings


class HttpSettings(Settings):
    """How many connections a web server takes."""

    http_connections: int = Field(
        default=2000, ge=1, le=100_000, description="Connections that a web server takes; health has its own"
    )
    http_address_connections: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Connections that a web server takes from one address, unless it is a trusted proxy's",
    )
