"""The hub: reads while somebody looks on, and says why when it cannot."""

import asyncio
import contextlib

import pytest
from plaudit_producers.board.board import Board
from plaudit_producers.board.feed import SnapshotFeed
from plaudit_producers.board.snapshots import FigureId, Series, Snapshot, Value
from plaudit_producers.gateway.dashboard.feedback import Seen
from plaudit_producers.gateway.dashboard.hub import Hub
from plaudit_producers.gateway.dashboard.settings import DashboardSettings
from plaudit_producers.gateway.dashboard.stream import Viewer, messages, past, pulse
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import TopicError

NOWHERE = ConnectionSettings(bootstrap_servers="127.0.0.1:1")


def _hub() -> Hub:
    return Hub(NOWHERE, DashboardSettings(dashboard_profile="demo"))


def _snapshot(application: str, at: int = 1, variant: str = "") -> Snapshot:
    figures = {FigureId("satisfaction", "user", "thumb", "message"): Value(4.0, 3.0, 5.0, 10)}
    return Snapshot(60, at, Series(application, "m", "1", variant, "sdk"), True, figures)


def test_a_viewer_of_one_application_sees_nothing_of_another() -> None:
    hub = _hub()
    for application in ("a", "b"):
        hub.board.take(_snapshot(application))
    hub.events = 5
    only, everything = Viewer(60, "a", None), Viewer(60, None, None)
    assert [one["application"] for one in past(hub, only)["series"]] == ["a"]
    assert [one["application"] for one in past(hub, everything)["series"]] == ["a", "b"]
    assert past(hub, Viewer(300, None, None))["series"] == []
    assert pulse(hub, only)["events"] is None, "the whole line's traffic is not an application's business"
    assert pulse(hub, everything)["events"] == 5


def test_texts_go_to_their_own_applications_admin() -> None:
    hub = _hub()
    hub.loaded = True
    hub.feedback.append((1, Seen("a", {"what": "text"}, {"text": "private"})))

    async def first_round(viewer: Viewer) -> bytes:
        stream, found = messages(hub, viewer, lambda: False), []
        async with contextlib.aclosing(stream):  # type: ignore[type-var]  # it is a generator
            async for message in stream:
                found.append(message)
                if message.startswith(b"event: round"):
                    break
        await hub.close()
        return b"".join(found)

    assert b"private" in asyncio.run(first_round(Viewer(60, None, "a")))
    assert b"private" not in asyncio.run(first_round(Viewer(60, None, "b")))
    assert b"private" not in asyncio.run(first_round(Viewer(60, None, None)))
    assert b'"what":"text"' not in asyncio.run(first_round(Viewer(60, "b", "b")))


def test_why_nothing_can_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_topic(_feed: SnapshotFeed, _board: Board, _timeout_s: float = 0.2) -> int:
        raise TopicError("the topic does not exist")

    monkeypatch.setattr(SnapshotFeed, "poll", no_topic)
    hub = _hub()

    async def look() -> None:
        with hub.viewer():
            while not hub.loaded:  # noqa: ASYNC110  # the hub tells its viewers, not tests
                await asyncio.sleep(0.01)
        await hub.close()

    asyncio.run(asyncio.wait_for(look(), 30))
    assert pulse(hub, Viewer(60, None, None))["problem"] == "the topic does not exist"
