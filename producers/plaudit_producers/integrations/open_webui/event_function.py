"""
title: Plaudit feedback
author: Plaudit
version: 1.0
required_open_webui_version: 0.12.0
license: Apache-2.0
description: Sends each vote, with its chat and all branches, to a Plaudit gateway.
"""

# Paste this file into Open WebUI as a function. It needs nothing but what is there.

import asyncio
import http.client
import importlib
import json
import logging
import urllib.error
import urllib.request
from typing import Any

from pydantic import BaseModel, Field

log = logging.getLogger("plaudit")

_CHANGED = ("feedback.created", "feedback.updated")
_DELETED = "feedback.deleted"
_DELETED_ALL = "feedback.deleted_all"
_WAITS_S = (1.0, 4.0)  # before the second and the third try; `plaudit reconcile` brings what still fails


class VoteSender:
    """An Event function. Open WebUI calls `event` once for each of its events."""

    class Valves(BaseModel):
        """Settings, which an admin sees and changes."""

        gateway_url: str = Field(
            default="http://127.0.0.1:8080", description="The address of Plaudit's gateway"
        )
        api_key: str = Field(
            default="",
            description="An API key of the gateway with the role producer",
            json_schema_extra={"input": {"type": "password"}},
        )
        instance: str = Field(
            default="default", description="The name of this Open WebUI, where several share one application"
        )
        timeout_s: float = Field(default=10.0, gt=0, description="Seconds that a request may take")

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def event(self, event: dict[str, Any], __event_name__: str = "") -> None:
        """Send a vote that was given, changed or deleted. An error is logged, and never raised."""
        name = __event_name__ or str(event.get("event"))
        if name not in (*_CHANGED, _DELETED, _DELETED_ALL):
            return
        try:
            await self._send(name, str((event.get("subject") or {}).get("id")))
        except Exception:
            log.exception("a vote could not be sent to Plaudit; `plaudit reconcile` will bring it")

    async def _send(self, name: str, feedback_id: str) -> None:
        for wait in (*_WAITS_S, None):
            # Read anew for each try: the vote may have changed or gone meanwhile.
            body = await _body_of(name, feedback_id)
            if body is None:
                return
            problem, again = await asyncio.to_thread(self._post, {"instance": self.valves.instance, **body})
            if problem is None:
                return
            if wait is None or not again:
                log.error("Plaudit did not take vote %s: %s", feedback_id, problem)
                return
            await asyncio.sleep(wait)

    def _post(self, body: dict[str, Any]) -> tuple[str | None, bool]:
        """Post a body. Returns what went wrong, or None, and whether it may go well later."""
        request = urllib.request.Request(  # noqa: S310  # the admin's own address
            f"{self.valves.gateway_url.rstrip('/')}/v1/open-webui",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.valves.api_key.strip()}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.valves.timeout_s) as answer:  # noqa: S310  # as above
                results = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(2000).decode(errors="replace")
            return f"{error.code} {text}", error.code == 429 or error.code >= 500
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            return repr(error), True
        refused = [result["detail"] for result in results if result["status"] == "refused"]
        return (refused[0], False) if refused else (None, False)


async def _body_of(name: str, feedback_id: str) -> dict[str, Any] | None:
    """What to send for an event; None if its vote is not there any more."""
    models = importlib.import_module("open_webui.models.feedbacks")  # it is there in Open WebUI only
    feedbacks = models.Feedbacks

    if name == _DELETED:
        return {"deleted": [feedback_id]}
    if name == _DELETED_ALL:
        return {"all": [feedback.id for feedback in await feedbacks.get_all_feedback_ids()]}
    feedback = await feedbacks.get_feedback_by_id(feedback_id)
    return None if feedback is None else {"feedbacks": [feedback.model_dump()]}


Event = VoteSender  # the name by which Open WebUI finds it
