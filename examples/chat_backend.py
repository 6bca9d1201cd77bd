"""A chat backend. The SDK sends what was said, and the gateway gives the page a token to rate it with.

    plaudit up --detach && plaudit topics create
    PLAUDIT_GATEWAY_CORS_ORIGINS=http://127.0.0.1:8000 plaudit gateway
    CHAT_KEY=$(plaudit keys create --application chat) uvicorn --app-dir examples chat_backend:app --port 8000

Then open http://127.0.0.1:8000.
"""

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from plaudit_producers import FeedbackProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

GATEWAY = os.environ.get("CHAT_GATEWAY", "http://127.0.0.1:8080")
PAGE = (Path(__file__).parent / "chat_page.html").read_text(encoding="utf-8")

producer = FeedbackProducer("chat")


def get_page(_request: Request) -> Response:
    return HTMLResponse(PAGE)


def post_session(_request: Request) -> Response:
    """Start a conversation and get a token for the page. A real backend knows which user asks."""
    chat = producer.start_conversation(model="echo-1", user_id="visitor", consent="granted")
    return JSONResponse({**ask_for_token(chat.conversation_id), "gateway": GATEWAY})


def post_token(request: Request) -> Response:
    """Get a new token. A real backend first checks that the conversation belongs to the visitor."""
    return JSONResponse(ask_for_token(request.query_params["conversation_id"]))


async def post_question(request: Request) -> Response:
    """Answer a question. The model of this example reverses the text."""
    question = await request.json()
    chat = producer.conversation(question["conversation_id"])
    chat.add_message("user", question["text"])
    answer = question["text"][::-1]  # call your model here
    return JSONResponse({"message_id": chat.add_message("assistant", answer), "text": answer})


def ask_for_token(conversation_id: str) -> dict[str, Any]:
    """Ask the gateway for a browser token. The API key stays in the backend."""
    wanted = json.dumps({"conversation_id": conversation_id, "user_id": "visitor"}).encode()
    headers = {"Authorization": f"Bearer {os.environ['CHAT_KEY']}"}
    request = urllib.request.Request(f"{GATEWAY}/v1/tokens", wanted, headers)  # noqa: S310  # our own gateway
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
        made: dict[str, Any] = json.load(answer)
    return made


app = Starlette(
    routes=[
        Route("/", get_page),
        Route("/session", post_session, methods=["POST"]),
        Route("/token", post_token, methods=["POST"]),
        Route("/ask", post_question, methods=["POST"]),
    ]
)
