"""The page's requests that change something: send to reviewers, correct, erase."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from plaudit_schemas.contract.field_types import too_long
from plaudit_schemas.contract.limits import CONTENT_BYTES
from plaudit_schemas.errors import NotFoundError, PublicationError
from plaudit_schemas.review.publications import PublishedRubric
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.targets import ReviewTarget
from plaudit_schemas.service.console import user_of
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.requests import Request
from starlette.routing import Route

from plaudit_infra.conversations_page.decisions import ConversationDecisions
from plaudit_infra.conversations_page.rights import application_of, must_decide, must_erase
from plaudit_infra.conversations_page.sources import FoundConversation
from plaudit_infra.conversations_page.timelines import Timelines
from plaudit_infra.page_requests import PageRefusal, answered, json_body

_FAILED: Final = "Nothing was sent"
_LONGEST_REASON: Final = 2_000
_ANSWER_S: Final = 10.0


class DecidingRequests:
    """Answers the browser. `found` gives a conversation, or refuses."""

    def __init__(
        self,
        connection: ConnectionSettings,
        found: Callable[[str, str], Awaitable[FoundConversation]],
        decisions: ConversationDecisions,
        timelines: Timelines,
    ) -> None:
        self._connection, self._found = connection, found
        self._decisions, self._timelines = decisions, timelines

    def routes(self) -> list[Route]:
        """The routes of these requests."""
        return [
            Route("/queues", answered(self.queues, "The queues cannot be listed now")),
            Route("/send", answered(self.send, _FAILED), methods=["POST"]),
            Route("/correct", answered(self.correct, _FAILED), methods=["POST"]),
            Route("/erase", answered(self.erase, _FAILED), methods=["POST"]),
        ]

    async def queues(self, request: Request) -> dict[str, Any]:
        """The rubrics of the application that take what exists already."""
        user = user_of(request.scope)
        application = application_of(user)
        must_decide(user)
        active = await asyncio.to_thread(self._active, application)
        return {
            "queues": [
                {"rubric": each.rubric.name, "version": each.rubric.version, "title": each.rubric.title,
                 "target": each.rubric.target}
                for each in active
                if each.rubric.target != "topic"
            ]
        }  # fmt: skip

    async def send(self, request: Request) -> dict[str, Any]:
        """Send a conversation, or what a message belongs to, to the queue of a rubric."""
        user = user_of(request.scope)
        application = application_of(user)
        must_decide(user)
        asked = await json_body(request)
        conversation_id, name = str(asked.get("id", "")), str(asked.get("rubric", ""))
        found = await self._found(application, conversation_id)
        active = {each.rubric.name: each for each in await asyncio.to_thread(self._active, application)}
        if name not in active:
            raise PageRefusal(404, "This rubric is not published any more; choose another one.")
        target = target_in(found.document, active[name], str(asked.get("message") or ""))
        try:
            sent = await asyncio.to_thread(self._send, application, name, target, user.person)
        except (PublicationError, NotFoundError) as error:
            raise PageRefusal(422, f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
        return {"sent": sent, "rubric": name, "target": target.kind}

    async def correct(self, request: Request) -> dict[str, Any]:
        """Say what an answer should have been."""
        user = user_of(request.scope)
        application = application_of(user)
        must_decide(user)
        asked = await json_body(request, 2 * CONTENT_BYTES + 10_000)
        conversation_id, message_id = str(asked.get("id", "")), str(asked.get("message", ""))
        content = asked.get("content")
        if not isinstance(content, str) or not content.strip():
            raise PageRefusal(422, "Write what the answer should have been.")
        if too_long(content):
            raise PageRefusal(422, f"The correction is longer than {CONTENT_BYTES} bytes; shorten it.")
        message = _message((await self._found(application, conversation_id)).document, message_id)
        if message["role"] != "assistant":
            raise PageRefusal(422, "Only answers can be corrected.")
        if message.get("content") == content:
            raise PageRefusal(422, "This is the answer as it is; change it first.")
        await self._decisions.correct(application, conversation_id, message_id, content, user.person)
        return {"corrected": message_id}

    async def erase(self, request: Request) -> dict[str, Any]:
        """Erase a conversation, once its id was typed."""
        user = user_of(request.scope)
        application = application_of(user)
        must_erase(user)
        asked = await json_body(request)
        conversation_id = str(asked.get("id", ""))
        if not conversation_id or asked.get("typed") != conversation_id:
            raise PageRefusal(422, "Type the conversation's id exactly; nothing was erased.")
        await self._found(application, conversation_id)
        reason = str(asked.get("reason", ""))[:_LONGEST_REASON]
        await self._decisions.erase(application, conversation_id, reason)
        self._timelines.forget((application, conversation_id))
        return {"erased": conversation_id}

    def _active(self, application: str) -> list[PublishedRubric]:
        with RubricRegistry(self._connection, timeout_s=_ANSWER_S) as registry:
            active = registry.book().active
        return [each for (owner, _), each in active.items() if owner == application]

    def _send(self, application: str, name: str, target: ReviewTarget, person: str) -> str:
        with RubricRegistry(self._connection, timeout_s=_ANSWER_S) as registry:
            return registry.send(application, name, target, published_by=person).publication_id


def target_in(document: Mapping[str, Any], published: PublishedRubric, message_id: str) -> ReviewTarget:
    """What is sent to a rubric, if somebody sends a message to it; an empty id is the whole conversation.

    An answer stands for its prompt where the rubric is about prompts, or about all answers to one.

    Raises:
        PageRefusal: the rubric is about something that this message is not.
    """
    kind = published.rubric.target
    conversation_id = document["conversation_id"]
    if kind == "conversation":
        return ReviewTarget(kind, conversation_id, "")
    if not message_id:
        raise PageRefusal(422, f"This rubric is about one {_WANTED[kind]}; choose it in the conversation.")
    message = _message(document, message_id)
    is_answer = message["role"] == "assistant"
    if kind == "answer":
        if not is_answer:
            raise PageRefusal(422, "This rubric is about answers; choose one.")
        return ReviewTarget(kind, conversation_id, message_id)
    prompt = (message.get("parent_id") or "") if is_answer else message_id
    if kind == "prompt" and not prompt:
        raise PageRefusal(422, "This answer has no prompt.")
    return ReviewTarget(kind, conversation_id, prompt)


_WANTED: Final = {"answer": "answer", "prompt": "prompt", "answers": "prompt with several answers"}


def _message(document: Mapping[str, Any], message_id: str) -> Mapping[str, Any]:
    for message in document["messages"]:
        if message["message_id"] == message_id:
            found: Mapping[str, Any] = message
            return found
    raise PageRefusal(404, "The conversation has no such message any more; load it again.")
