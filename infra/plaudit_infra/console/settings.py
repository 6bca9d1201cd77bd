"""Settings of the console."""

from plaudit_schemas.settings import Settings
from pydantic import Field, field_validator


class ConsoleSettings(Settings):
    """Where the console listens, and who may see it."""

    console_host: str = Field(default="127.0.0.1", description="The address that the console binds")
    console_port: int = Field(
        default=8090, ge=0, le=65535, description="The port that the console binds; 0 takes a free one"
    )
    console_health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="A port for health and metrics only; if unset, they are on the console's port",
    )
    console_access: str = Field(default="keyed", description="keyed, and nothing else: everybody signs in")
    console_session_hours: float = Field(
        default=12, gt=0, le=24 * 30, description="Hours that a session lasts"
    )
    console_trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies whose X-Forwarded headers are trusted, comma-separated; * for all",
    )

    @field_validator("console_access")
    @classmethod
    def _no_open_console(cls, value: str) -> str:
        if value != "keyed":
            raise ValueError(
                "everybody signs in now, so remove it; people sign in with an API key, and a console on your "
                "own machine prints a one-time link with `plaudit console --link`"
            )
        return value
