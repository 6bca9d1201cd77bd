"""A page with the browser client in it, and the token that it works with."""

from collections.abc import Callable
from typing import Any

from plaudit_schemas.contract.events import ConversationEvent
from playwright.sync_api import Page, Route

from harness.gateway import Gateway
from tests.support.event_log import by_conversation, read_log

HTML = "<!doctype html><title>chat</title><p>a chat"


def abort(route: Route) -> None:
    """Answer a request as if there were no network."""
    route.abort()


class Chat:
    """A page with the client loaded and connected as `chat`; the token is new."""

    def __init__(self, gateway: Gateway, page: Page, address: str, **wanted: Any) -> None:
        self.gateway, self.page, self.address, self.wanted = gateway, page, address, wanted
        made = self.ask_for_token(**wanted)
        self.token, self.id = made["token"], made["conversation_id"]
        self.open()

    def open(self, connect: str = "connect({ token: given })") -> None:
        self.page.goto(self.address)
        self.run(
            f"""async (given) => {{
              const {{ connect, ulid }} = await import("{self.gateway.url}/plaudit.js");
              window.refused = [];
              window.made = (options) => connect({{ onRefused: (each) => refused.push(each), ...options }});
              window.ulid = ulid;
              window.chat = {connect.replace("connect(", "made(")};
            }}""",
            self.token,
        )

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def flush(self) -> None:
        assert self.run("() => chat.flush(60000)") == 0

    def stored(self) -> dict[str, str]:
        return dict(self.run("() => ({...localStorage})"))

    def log(self) -> list[ConversationEvent]:
        return by_conversation(read_log(self.gateway.connection)).get(self.id, [])

    def ask_for_token(self, secret: str = "", **wanted: Any) -> dict[str, Any]:
        """What the gateway answers to a backend with this API key."""
        with self.gateway.client(secret or self.gateway.secret) as client:
            answer = client.post("/v1/tokens", json={"user_id": "u-1", **wanted})
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made


OpenChat = Callable[..., Chat]
