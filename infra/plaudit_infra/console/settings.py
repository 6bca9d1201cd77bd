"""Settings of the console."""

from typing import Literal

from plaudit_schemas.settings import Settings
from pydantic import Field


class ConsoleSettings(Settings):
    """Where the console is served, and who sees it."""

    console_host: str = Field(default="127.0.0.1", description="The address that the console binds")
    console_port: int = Field(default=8090, ge=0, le=65535, description="Its port; 0 takes a free one")
    console_access: Literal["keyed", "open"] = Field(
        default="keyed",
        description="keyed: one signs in with an API key and sees its application. open: the figures of all "
        "applications for whoever reaches the console; texts and all that changes something after a sign-in",
    )
    console_session_hours: float = Field(
        default=12, gt=0, le=24 * 30, description="How long one stays signed in"
    )
    console_trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies whose X-Forwarded headers hold, comma-separated; * for all",
    )
