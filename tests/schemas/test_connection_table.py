"""Places for connections: what counts as one address, and whose place a newcomer takes."""

import pytest
from plaudit_schemas.service.connection_table import ConnectionTable
from plaudit_schemas.service.http_limits import ADDRESS_FULL, FULL, HTTP_METRICS, HttpLimits, limits_of
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.settings.http import HttpSettings


class Connected:
    """A connection that remembers whether it was cut."""

    dropped = False

    def drop(self) -> None:
        """Notes it."""
        self.dropped = True


def table(connections: int = 10, address_connections: int = 1, reserve: int = 1) -> ConnectionTable:
    limits = HttpLimits(connections=connections, address_connections=address_connections, reserve=reserve)
    return ConnectionTable(limits, MetricSet(HTTP_METRICS), lambda address: address == "10.0.0.1")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
        ("10.0.0.1", "10.0.0.1", False),
    ],
    ids=["same", "two", "one /64", "two /64", "mapped", "link-local", "unknown", "trusted proxy"],
)
def test_what_counts_as_one_address(first: str, second: str, same: bool) -> None:
    made = table()
    assert made.admit(Connected(), first) is None
    assert made.admit(Connected(), second) == (ADDRESS_FULL if same else None)


def test_a_newcomer_takes_the_oldest_place_of_the_reserve_and_no_other() -> None:
    made, holder, first, second = table(connections=1), Connected(), Connected(), Connected()
    assert made.admit(holder, "192.0.2.1") is None
    assert made.admit(first, "192.0.2.2") == FULL

    def dropped() -> None:
        first.dropped = True
        made.release(first)

    first.drop = dropped  # type: ignore[method-assign]  # as a protocol does
    assert made.admit(second, "192.0.2.3") == FULL
    assert (holder.dropped, first.dropped, second.dropped) == (False, True, False)
    made.release(holder)
    made.release(holder)
    assert made.admit(Connected(), "192.0.2.1") is None


def test_a_servers_limits_are_its_settings_and_leave_the_application_time_for_a_body() -> None:
    settings = HttpSettings(http_connections=7, http_address_connections=3)
    limits = limits_of(settings, body_s=125)
    assert (limits.connections, limits.address_connections, limits.body_s) == (7, 3, 125)
    assert limits_of(settings, body_s=5).body_s == HttpLimits().body_s
