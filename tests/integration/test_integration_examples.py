"""The examples of the integrations, run as users run them: a chat endpoint, a gateway and a real Kafka."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from plaudit_infra.servers.process import free_port
from plaudit_schemas.contract.events import AddMessage, ConversationEvent, UpdateMessage
from plaudit_schemas.contract.feedback import Thumb
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.environ import environ_with
from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint
from tests.support.event_log import by_conversation, events_of, own_topics, read_log
from tests.support.gateway import like, make_gateway
from tests.support.open_webui_votes import vote
from tests.support.services import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

EXAMPLES = ROOT / "examples" / "integrations"
LINES = 20
QUESTION = "Where is my parcel?"
ANSWER = f"You said: {QUESTION}"

Run = Callable[..., str]
"""Runs an example with arguments and variables. Gives what it printed."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as running:
        yield running


@pytest.fixture
def connection(kafka: str) -> ConnectionSettings:
    return own_topics(kafka)


@pytest.fixture(scope="module")
def gateway(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = make_gateway(kafka, valkey, tmp_path_factory.mktemp("gateway"))
    made.secret = made.key("producer", "reader", "reviewer")
    yield made.start()
    assert made.stop() == 0


@pytest.fixture
def run(connection: ConnectionSettings, endpoint: ChatEndpoint, tmp_path: Path) -> Run:
    def run_example(name: str, *words: str, cwd: Path = ROOT, **variables: str) -> str:
        program = {"py": [sys.executable], "sh": ["bash"]}[name.rpartition(".")[2]]
        ended = subprocess.run(
            [*program, str(EXAMPLES / name), *words],
            env={**environ(connection, endpoint, tmp_path), **variables}, cwd=cwd,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run_example


def environ(connection: ConnectionSettings, endpoint: ChatEndpoint, folder: Path) -> dict[str, str]:
    """The variables of a process that knows a Kafka and a chat endpoint."""
    ours = environ_with(
        data=str(folder),
        bootstrap_servers=connection.bootstrap_servers,
        topic_prefix=connection.topic_prefix,
    )
    return {
        **ours,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OPENAI_BASE_URL": endpoint.base_url,
        "OPENAI_API_KEY": "any",
    }


@contextmanager
def backend(variables: dict[str, str], folder: Path) -> Iterator[str]:
    """The example's backend, run as its docstring says."""
    port = free_port()
    command = ast.get_docstring(ast.parse((EXAMPLES / "asgi_app.py").read_text())) or ""
    words = command.rpartition(": ")[2].split()
    assert words[0] == "uvicorn"
    with (folder / "backend.log").open("wb") as log:
        process = subprocess.Popen(
            [*words, "--port", str(port)], env=variables, cwd=ROOT, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "backend.log").read_text()
        try:
            return httpx.get(f"{url}/docs").status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(answers, "the backend answers")
        yield url
    finally:
        process.terminate()
        process.wait(60)


def said(events: list[ConversationEvent]) -> list[tuple[str, str]]:
    """Role and text of each message."""
    bodies = [event.body for event in events]
    return [(body.role, body.content) for body in bodies if isinstance(body, AddMessage)]


def answered(events: list[ConversationEvent]) -> list[str]:
    """The models that gave the answers."""
    bodies = [event.body for event in events]
    return [body.model.id for body in bodies if isinstance(body, AddMessage) and body.model]


def liked(events: list[ConversationEvent]) -> list[str | None]:
    """The ids of the messages that somebody likes."""
    bodies = [event.body for event in events]
    return [
        body.message_id
        for body in bodies
        if isinstance(body, UpdateMessage) and body.feedback.value == Thumb(like=True)
    ]


EXCHANGE = [("user", QUESTION), ("assistant", ANSWER)]


def test_an_openai_client_and_a_vote_from_another_process(connection: ConnectionSettings, run: Run) -> None:
    text, message_id = run("openai_client.py").splitlines()
    run("feedback_later.py", message_id)
    found = events_of(connection, "order-17")
    assert text == ANSWER
    assert said(found) == EXCHANGE
    assert liked(found) == [message_id]
    assert message_id in {event.body.message_id for event in found if isinstance(event.body, AddMessage)}


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        pytest.param(
            "opentelemetry_hook.py",
            {"OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "plaudit"},
            id="the hook of OpenTelemetry",
        ),
        pytest.param("langchain_model.py", {"PLAUDIT_LANGCHAIN": "1"}, id="LangChain by a variable"),
        pytest.param("litellm_logger.py", {}, marks=pytest.mark.slow, id="a logger of LiteLLM"),
    ],
)
def test_a_library_is_recorded(
    connection: ConnectionSettings, run: Run, name: str, variables: dict[str, str]
) -> None:
    assert run(name, **variables).strip() == ANSWER
    found = events_of(connection, "order-17")
    assert said(found) == EXCHANGE
    assert answered(found) == ["answerer-2"]


def test_a_span_over_http(gateway: Gateway, run: Run) -> None:
    run("otlp.sh", GATEWAY=gateway.url, KEY=gateway.secret)
    assert said(events_of(gateway.connection, "order-17")) == [
        ("user", QUESTION),
        ("assistant", "It arrives tomorrow."),
    ]


def test_a_vote_in_the_shape_of_tensorzero(gateway: Gateway, run: Run) -> None:
    message_id = "pm-01M8CN688FP8Q5Y3FA7W0TVJNG@order-18"
    answer = run("tensorzero.sh", message_id, GATEWAY=gateway.url, KEY=gateway.secret)
    found = events_of(gateway.connection, "order-18")
    assert liked(found) == [message_id]
    assert json.loads(answer)["feedback_id"] == found[0].event_id


@pytest.mark.slow
def test_a_proxy_of_litellm(gateway: Gateway, endpoint: ChatEndpoint, tmp_path: Path) -> None:
    words = [str(EXAMPLES / "litellm_proxy.yaml"), "order-19", QUESTION]
    variables = {
        "PLAUDIT_ENDPOINT": f"{gateway.url}/v1/litellm",
        "PLAUDIT_AUTHORIZATION": f"Bearer {gateway.secret}",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would look for prices on the internet
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.litellm_router", *words],
        env={**environ(gateway.connection, endpoint, tmp_path), **variables}, cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def recorded() -> bool:
        assert process.poll() is None
        return said(events_of(gateway.connection, "order-19")) == EXCHANGE

    try:
        eventually(recorded, "the call is recorded")
    finally:
        printed, _ = process.communicate(timeout=60)
    assert printed.strip() == ANSWER


def test_votes_of_open_webui(gateway: Gateway, run: Run, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_text(json.dumps([vote("order-20", "a", 1), vote("order-20", "b", -1)]))
    variables = {"GATEWAY": gateway.url, "KEY": gateway.secret, "EXPORT": str(export)}
    printed = [run("open_webui.sh", cwd=tmp_path, **variables) for _ in range(2)]
    assert ["2 new or changed" in text for text in printed] == [True, False]
    chats = by_conversation(read_log(gateway.connection))
    assert [message_id for found in chats.values() for message_id in liked(found)].count("a") == 1
    compile((tmp_path / "plaudit_votes.py").read_text(encoding="utf-8"), "plaudit_votes.py", "exec")


def test_a_backend_and_its_page(gateway: Gateway, endpoint: ChatEndpoint, tmp_path: Path) -> None:
    variables = {"GATEWAY": gateway.url, "KEY": gateway.secret, "PLAUDIT_APPLICATION": "shop"}
    with backend({**environ(gateway.connection, endpoint, tmp_path), **variables}, tmp_path) as url:
        with httpx.Client(base_url=url, timeout=60) as page:
            answer = page.post("/ask", params={"question": QUESTION})
            token = page.post("/plaudit/token").json()
        message_id, conversation = answer.headers["plaudit-message-id"], token["conversation_id"]
        with gateway.client(token["token"]) as client:
            vote = client.post("/v1/events", json=like(message_id, conversation))
    assert (answer.json(), vote.status_code) == (ANSWER, 200)
    found = events_of(gateway.connection, conversation)
    assert (said(found), liked(found)) == (EXCHANGE, [message_id])


@pytest.mark.parametrize("path", sorted(filter(Path.is_file, EXAMPLES.iterdir())), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES
