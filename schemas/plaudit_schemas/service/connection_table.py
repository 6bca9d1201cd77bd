"""Who is connected to a web server: places for all, for one address, and a reserve for health."""

import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from plaudit_schemas.service.http_limits import ADDRESS_FULL, FULL, HttpLimits, HttpRefusal
from plaudit_schemas.service.metrics import MetricSet

_IPV6_SITE_BITS: Final = 64  # one customer gets at least so many addresses


class Droppable(Protocol):
    """A connection that can be cut."""

    def drop(self) -> None:
        """Cut it at once."""


class ConnectionTable:
    """The open connections of a web server. Not safe for threads."""

    def __init__(self, limits: HttpLimits, metrics: MetricSet, is_trusted: Callable[[str], bool]) -> None:
        """Counts in `metrics`, which has HTTP_METRICS.

        Args:
            is_trusted: whether an address is that of a proxy. The limit of one address does not hold for
                them, because each stands for many clients.
        """
        self._limits, self._metrics, self._is_trusted = limits, metrics, is_trusted
        self._by_site: Counter[str] = Counter()
        self._open: dict[Droppable, str] = {}
        self._reserve: dict[Droppable, None] = {}

    def admit(self, connection: Droppable, address: str) -> HttpRefusal | None:
        """Give a new connection a place.

        Returns:
            None, or why the connection got one of the reserve, and so may only ask for health.
        """
        site = _site_of(address)
        refusal = self._refusal(site, address)
        if refusal is None:
            self._open[connection] = site
            self._by_site[site] += 1
        else:
            if len(self._reserve) >= self._limits.reserve:
                next(iter(self._reserve)).drop()
            self._reserve[connection] = None
        self._show()
        return refusal

    def release(self, connection: Droppable) -> None:
        """Take the place of a connection back. Without one, nothing happens."""
        self._reserve.pop(connection, None)
        site = self._open.pop(connection, None)
        if site is not None:
            self._by_site[site] -= 1
            if not self._by_site[site]:
                del self._by_site[site]
        self._show()

    def count(self, refusal: HttpRefusal) -> None:
        """Count a refusal."""
        self._metrics.counter("plaudit_http_refused_total", refusal.reason).inc()

    def _refusal(self, site: str, address: str) -> HttpRefusal | None:
        if self._by_site[site] >= self._limits.address_connections and not self._is_trusted(address):
            return ADDRESS_FULL
        return FULL if len(self._open) >= self._limits.connections else None

    def _show(self) -> None:
        self._metrics.gauge("plaudit_http_connections").set(len(self._open) + len(self._reserve))


def _site_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _IPV6_SITE_BITS), strict=False))
