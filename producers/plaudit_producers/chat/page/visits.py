"""Whose chat a request of the page is about."""

from contextlib import suppress
from typing import TYPE_CHECKING

from plaudit_schemas.errors import PlauditError

from plaudit_producers.chat.consent import CONSENT_COOKIE, consent_of
from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.arrival_order import turn
from plaudit_producers.chat.session import ChatSession
from plaudit_producers.chat.visitor_cookies import VISITOR_COOKIE

if TYPE_CHECKING:
    import gradio as gr


async def visit(core: ChatCore, request: "gr.Request", *, loading: bool = False) -> ChatSession:
    """The chat of the visitor who sends a request, once it is this request's turn (`ArrivalOrder`).

    A browser that keeps no cookies has a chat for each page that it opens, and no order.

    Args:
        loading: the page is being loaded.
    """
    visitor = core.cookies.visitor_of(request.cookies.get(VISITOR_COOKIE))
    session = await core.visitors.session_of(visitor or f"tab-{request.session_hash}", loading=loading)
    if request.request is not None:
        await turn(request.request.scope)
    said = consent_of(request.cookies.get(CONSENT_COOKIE))
    if loading and said != "unspecified" and session.consent == "unspecified":
        with suppress(PlauditError):  # the page loads, and asks for what could not be recorded
            session.set_consent(said)
    return session
