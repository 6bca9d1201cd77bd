"""Settings of the dashboard."""

import ipaddress
from typing import Literal

from plaudit_schemas.settings import Settings
from pydantic import Field

Access = Literal["auto", "open", "keyed", "off"]


class DashboardSettings(Settings):
    """Who sees the dashboard, and what counts as an alert."""

    dashboard_access: Access = Field(
        default="auto",
        description="open: figures for anybody, texts with an admin key. keyed: each key sees its "
        "application. auto: open to this machine where the gateway binds the loopback and trusts no proxy, "
        "else keyed. off: none",
    )
    dashboard_profile: str = Field(
        default="production", description="Whose alert limits, of plaudit_schemas/alerts.yaml"
    )
    dashboard_worker_group: str = Field(
        default="plaudit-worker", description="The workers' consumer group, whose lag is shown"
    )


def access_of(settings: DashboardSettings, host: str) -> Access:
    """`auto` resolved for the address that the gateway binds; then `open` is for what `is_local` only."""
    if settings.dashboard_access != "auto":
        return settings.dashboard_access
    return "open" if is_loopback(host) else "keyed"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine to itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
