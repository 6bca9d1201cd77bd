"""Open WebUI's Event function, run as Open WebUI runs it: its text is executed, and its valves are set."""

import asyncio
import inspect
import logging
import sys
from importlib.resources import files
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from plaudit_schemas.contract.events import UpdateMessage

from harness.gateway import Gateway
from tests.support.event_log import read_log
from tests.support.gateway import known_key
from tests.support.open_webui_votes import vote

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


class Feedbacks:
    """What the function asks of Open WebUI's database."""

    def __init__(self) -> None:
        self.votes: dict[str, dict[str, Any]] = {}
        self.asked = 0

    async def get_feedback_by_id(self, feedback_id: str) -> Any:
        self.asked += 1
        found = self.votes.get(feedback_id)
        return None if found is None else SimpleNamespace(model_dump=lambda: found)

    async def get_all_feedback_ids(self) -> list[Any]:
        return [SimpleNamespace(id=name) for name in self.votes]


@pytest.fixture
def feedbacks(monkeypatch: pytest.MonkeyPatch) -> Feedbacks:
    made = Feedbacks()
    models = ModuleType("open_webui.models.feedbacks")
    models.Feedbacks = made  # type: ignore[attr-defined]  # a stand-in of Open WebUI's module
    for name in ("open_webui", "open_webui.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "open_webui.models.feedbacks", models)
    return made


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return known_key(gateway, "producer")


def loaded(**valves: Any) -> Any:
    """The function as `load_function_module_by_id` of Open WebUI makes it."""
    module = ModuleType("function_plaudit")
    package = files("plaudit_producers.integrations.open_webui")
    exec((package / "event_function.py").read_text(), module.__dict__)  # noqa: S102  # as Open WebUI does
    made = module.Event()
    made.valves = made.Valves(**valves)
    return made


def dispatched(function: Any, name: str, feedback_id: str) -> None:
    """Call it as `dispatch_event_functions` of Open WebUI does."""
    given = {
        "event": {"event": name, "subject": {"id": feedback_id, "type": "feedback"}, "data": {"rating": 1}},
        "__id__": "plaudit",
        "__event_name__": name,
        "__request__": None,
    }
    parameters = inspect.signature(function.event).parameters
    asyncio.run(function.event(**{key: value for key, value in given.items() if key in parameters}))


def thumbs(gateway: Gateway) -> list[bool | None]:
    """The votes in the log, in order; None is one that was taken back."""
    bodies = [logged.event.body for logged in read_log(gateway.connection)]
    given = [body.feedback for body in bodies if isinstance(body, UpdateMessage)]
    return [None if each.value is None else getattr(each.value, "like", None) for each in given]


@pytest.mark.slow
def test_a_vote_is_sent_when_it_is_given_changed_and_deleted(
    gateway: Gateway, key: str, feedbacks: Feedbacks
) -> None:
    function = loaded(gateway_url=gateway.url + "/", api_key=key)
    feedbacks.votes["live-a"] = vote("live", "a", 1)
    dispatched(function, "feedback.created", "live-a")
    feedbacks.votes["live-a"] = vote("live", "a", -1, version=1)
    dispatched(function, "feedback.updated", "live-a")
    del feedbacks.votes["live-a"]
    dispatched(function, "feedback.deleted", "live-a")
    assert thumbs(gateway) == [True, False, None]


def test_other_events_and_votes_that_are_gone_send_nothing(
    gateway: Gateway, key: str, feedbacks: Feedbacks
) -> None:
    before = len(read_log(gateway.connection))
    function = loaded(gateway_url=gateway.url, api_key=key)
    dispatched(function, "chat.finished", "c")
    assert feedbacks.asked == 0
    dispatched(function, "feedback.created", "gone")
    dispatched(function, "feedback.deleted_all", "all")
    assert len(read_log(gateway.connection)) == before


def test_a_gateway_that_does_not_answer_is_asked_again_and_the_error_logged(
    feedbacks: Feedbacks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    feedbacks.votes["away-a"] = vote("away", "a", 1)
    with caplog.at_level(logging.ERROR, "plaudit"):
        dispatched(loaded(gateway_url="http://127.0.0.1:9", api_key="k"), "feedback.created", "away-a")
    assert (waits, feedbacks.asked) == ([1.0, 4.0], 3)
    assert "did not take vote away-a" in caplog.text


@pytest.mark.parametrize(
    ("valves", "says"),
    [({"api_key": "plk_wrong_key"}, "401"), ({"gateway_url": "no address"}, "unknown url type")],
    ids=["wrong key", "wrong address"],
)
def test_a_wrong_setting_is_logged_and_never_raised(
    gateway: Gateway, feedbacks: Feedbacks, valves: dict[str, str], says: str,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    feedbacks.votes["wrong-a"] = vote("wrong", "a", 1)
    with caplog.at_level(logging.ERROR, "plaudit"):
        dispatched(loaded(**{"gateway_url": gateway.url, **valves}), "feedback.created", "wrong-a")
    assert says in caplog.text


def test_a_fault_of_open_webui_is_logged_and_never_raised(
    feedbacks: Feedbacks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "open_webui.models.feedbacks")
    with caplog.at_level(logging.ERROR, "plaudit"):
        dispatched(loaded(), "feedback.created", "x")
    assert "`plaudit reconcile` will bring it" in caplog.text


@pytest.mark.slow
def test_a_refused_vote_is_logged_with_its_reason(
    gateway: Gateway, key: str, feedbacks: Feedbacks, caplog: pytest.LogCaptureFixture
) -> None:
    feedbacks.votes["bad-a"] = vote("bad", "a", "perhaps")
    with caplog.at_level(logging.ERROR, "plaudit"):
        dispatched(loaded(gateway_url=gateway.url, api_key=key), "feedback.created", "bad-a")
    assert "rating must be 1, 0 or -1" in caplog.text
