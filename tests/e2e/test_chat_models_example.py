"""The example of a models file for the chat page, chatted with in a real Chromium."""

from pathlib import Path

import pytest
from plaudit_schemas.contract.events import AddMessage
from playwright.sync_api import Page, expect

from harness.chat_page import ChatPage
from harness.waiting import eventually
from tests.e2e.page_server import PageHands
from tests.support.chat_endpoint import chat_endpoint
from tests.support.event_log import own_topics, read_log
from tests.support.services import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

EXAMPLE = ROOT / "examples" / "integrations" / "chat_models.yaml"


def test_the_models_of_the_example_answer(
    kafka: str, tmp_path: Path, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    connection = own_topics(kafka)
    models = tmp_path / "models.yaml"
    with chat_endpoint() as endpoint:
        endpoint.api_key = "secret"
        models.write_text(EXAMPLE.read_text().replace("http://127.0.0.1:8000", endpoint.url))
        served = ChatPage(connection, tmp_path, {"chat_models": str(models)}).start()
        try:
            hands = PageHands(page, served.url)
            page.locator("#consent").get_by_role("button", name="Yes", exact=True).click()
            hands.ask("Where is my parcel?")
            expect(hands.bubbles.last).to_contain_text("You said: Where is my parcel?")
            hands.choose("practice (no model)")
            hands.ask("And now?")
        finally:
            assert served.stop() == 0, served.log()

    def answers() -> list[tuple[str, str | None]]:
        bodies = [logged.event.body for logged in read_log(connection)]
        made = [body for body in bodies if isinstance(body, AddMessage) and body.role == "assistant"]
        return [(body.model.id, body.model.version) for body in made if body.model]

    eventually(lambda: len(answers()) == 2, "both answers are in the log")
    assert answers() == [("answerer", "2"), ("practice", None)]
