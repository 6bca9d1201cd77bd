"""Settings of the console."""

from typing import Literal

from plaudit_schemas.settings import Settings
from pydantic import Field


class ConsoleSettings(Settings):
    """Where the console listens, and who may see it."""

    console_host: str = Field(default="127.0.0.1", description="The address that the console binds")
    console_port: int = Field(
        default=8090, ge=0, le=65535, description="The port that the console binds; 0 takes a free one"
    )
    console_access: Literal["keyed", "open"] = Field(
        default="keyed",
        description="keyed: everybody signs in with an API key and sees its application. open: whoever "
        "reaches the console sees the figures of all applications, and signs in for texts and for changes",
    )
    console_session_hours: float = Field(
        default=12, gt=0, le=24 * 30, description="Hours that a session lasts"
    )
    console_trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies whose X-Forwarded headers are trusted, comma-separated; * for all",
    )
