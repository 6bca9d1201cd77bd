"""The live data: read while there is a viewer, with the reason where they cannot be."""

import asyncio
import contextlib
import json

import pytest
from plaudit_consumers.dashboard import following, line_watch
from plaudit_consumers.dashboard.feedback import FeedbackItem
from plaudit_consumers.dashboard.live import LiveData
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.settings import DashboardSettings
from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Series, Snapshot
from plaudit_consumers.dashboard.stream import Viewer, past_of, status_of, stream_events
from plaudit_schemas.errors import TopicError
from plaudit_schemas.kafka.lag import Lag
from plaudit_schemas.settings.connection import ConnectionSettings

NOWHERE = ConnectionSettings(bootstrap_servers="127.0.0.1:1")


@pytest.fixture(autouse=True)
def _kafka_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (following, line_watch):
        monkeypatch.setattr(module, "_ANSWER_S", 0.2)


def _live() -> LiveData:
    return LiveData(NOWHERE, DashboardSettings(dashboard_profile="demo"))


def _snapshot(application: str, at: int = 1, variant: str = "") -> Snapshot:
    figures = {FigureId("satisfaction", "user", "thumb", "message"): FigureValue(4.0, 3.0, 5.0, 10)}
    return Snapshot(60, at, Series(application, "m", "1", variant, "sdk"), True, figures)


async def _never() -> bool:
    return False


def test_a_viewer_of_one_application_sees_nothing_of_another() -> None:
    data = _live()
    for application in ("a", "b"):
        data.monitor.history.add_snapshot(_snapshot(application))
    data.monitor.lag = Lag(5, 0)
    only, everything = Viewer(60, "a", None), Viewer(60, None, None)
    assert [one["application"] for one in past_of(data, only)["series"]] == ["a"]
    assert [one["application"] for one in past_of(data, everything)["series"]] == ["a", "b"]
    assert past_of(data, Viewer(300, None, None))["series"] == []
    assert status_of(data, only)["events"] is None, "the traffic of all is not one application's business"
    assert status_of(data, everything)["events"] == 5


def test_texts_go_to_their_own_applications_admin() -> None:
    data = _live()
    data.loaded = True
    data.feedback.append((1, FeedbackItem("a", {"what": "text"}, {"text": "private"})))

    async def first_round(viewer: Viewer) -> bytes:
        stream, found = stream_events(data, viewer, _never), []
        async with contextlib.aclosing(stream):  # type: ignore[type-var]  # it is a generator
            async for message in stream:
                found.append(message)
                if message.startswith(b"event: round"):
                    break
        await data.close()
        return b"".join(found)

    assert b"private" in asyncio.run(first_round(Viewer(60, None, "a")))
    assert b"private" not in asyncio.run(first_round(Viewer(60, None, "b")))
    assert b"private" not in asyncio.run(first_round(Viewer(60, None, None)))
    assert b'"what":"text"' not in asyncio.run(first_round(Viewer(60, "b", "b")))


def test_a_round_that_is_read_in_two_pieces_is_shown_whole() -> None:
    data = _live()
    data.loaded = True

    async def rounds() -> list[int]:
        shown: list[int] = []
        data.monitor.history.add_snapshot(_snapshot("a"))
        async with contextlib.aclosing(stream_events(data, Viewer(60, None, None), _never)) as stream:  # type: ignore[type-var]  # it is a generator
            async for message in stream:
                if message.startswith(b"event: round"):
                    shown.append(len(json.loads(message.partition(b"data: ")[2]).get("series", [])))
                    data.monitor.history.add_snapshot(_snapshot("b"))
                if len(shown) == 2:
                    break
        await data.close()
        return shown

    assert asyncio.run(rounds()) == [1, 2]


def test_why_nothing_can_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_topic(_monitor: LineMonitor, _timeout_s: float = 0.2) -> int:
        raise TopicError("the topic does not exist")

    monkeypatch.setattr(LineMonitor, "poll", no_topic)
    data = _live()

    async def look() -> None:
        with data.viewing():
            while not data.loaded:
                await data.wait_for_change(1.0)
        await data.close()

    asyncio.run(asyncio.wait_for(look(), 30))
    assert status_of(data, Viewer(60, None, None))["problem"] == "the topic does not exist"
