"""Brings the votes of an Open WebUI to the gateway that it does not know, or knows otherwise.

Running it twice changes nothing: the gateway knows which version of each vote it has sent, and ids of events
follow from what the votes say.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from plaudit_schemas.errors import ServiceUnavailableError, SettingsError

from plaudit_producers.importers.exports import read_members
from plaudit_producers.importers.model import BadRecord
from plaudit_producers.importers.openwebui import chat_of
from plaudit_producers.importers.source import Source
from plaudit_producers.integrations.open_webui.http_json import JsonAnswer, JsonServer, reason_in

_EXPORT: Final = "/api/v1/evaluations/feedbacks/all/export"
_IDS: Final = "/api/v1/evaluations/feedbacks/all/ids"
_ROUTE: Final = "/v1/open-webui"
_MOST_VOTES: Final = 100
_MOST_BYTES: Final = 4 << 20  # of a request; a chat is never divided


@dataclass(slots=True)
class Reconciled:
    """What became of the votes.

    Attributes:
        counts: votes by what the gateway says of them.
        refused: which votes are refused, and why.
        deletions_skipped: why nobody looked for votes that were deleted; empty if somebody did.
    """

    counts: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    deletions_skipped: str = ""

    def add(self, results: list[dict[str, Any]]) -> None:
        """Count the results of one request."""
        for result in results:
            self.counts[result["status"]] = self.counts.get(result["status"], 0) + 1
            if result["status"] == "refused":
                self.refused.append((result["id"], result["detail"]))


def fetch_export(open_webui: JsonServer) -> Source:
    """The export of all feedback.

    Raises:
        SettingsError: the key is refused, or there is no Open WebUI at this address.
        ServiceUnavailableError: it does not answer.
    """
    answer = open_webui.ask(_EXPORT)
    if answer.status != 200 or not answer.body.lstrip().startswith(b"["):
        raise SettingsError(
            f"{open_webui.url} has no export of feedback; is it the address of an Open WebUI, 0.5 or newer?"
        )
    return Source(BytesIO(answer.body))


def send_votes(export: Source, gateway: JsonServer, instance: str) -> Reconciled:
    """Send the votes of an export. The gateway takes those that it does not know.

    Raises:
        SettingsError: the gateway refuses the key, or is none.
        ServiceUnavailableError: it does not answer. What was sent before counts.
    """
    done = Reconciled()
    chats = _by_chat(export, done)
    for votes in _slices(chats):
        head = b'{"instance":' + json.dumps(instance).encode() + b',"feedbacks":['
        answer = gateway.ask(_ROUTE, head + b",".join(votes) + b"]}")
        if answer.status == 413:
            done.add([_too_large(answer)] * len(votes))
        else:
            done.add(_results(answer, gateway))
    return done


def take_back_deleted(open_webui: JsonServer, gateway: JsonServer, instance: str, done: Reconciled) -> None:
    """Let the gateway take back the votes that it knows and Open WebUI has no more. Call it last.

    Raises as `send_votes`.
    """
    # After the export was sent: a vote given meanwhile is in this list, too.
    answer = open_webui.ask(_IDS)
    if answer.status != 200 or not isinstance(answer.document, list):
        done.deletions_skipped = "this Open WebUI does not list the ids of its votes"
        return
    ids = [each["id"] for each in answer.document if isinstance(each, dict) and each.get("id")]
    if not ids:  # taken at its word, an empty database would take back every vote there ever was
        done.deletions_skipped = "this Open WebUI has no votes at all, as if it were new or another one"
        return
    told = gateway.ask(_ROUTE, json.dumps({"instance": instance, "all": ids}).encode())
    if told.status == 413:
        done.deletions_skipped = reason_in(told)
    else:
        done.add(_results(told, gateway))


def _by_chat(export: Source, done: Reconciled) -> dict[str, list[bytes]]:
    """The texts of the votes of each chat: its messages come from all of its votes."""
    chats: dict[str, list[bytes]] = {}
    for number, member in enumerate(read_members(export), 1):
        if isinstance(member, BadRecord):
            done.add([{"id": f"record {number}", "status": "refused", "detail": member.reason}])
            continue
        try:
            chat = chat_of(member.value)
        except Exception:  # a record may have any shape; the gateway says what is wrong with it
            chat = f"\0{number}"
        chats.setdefault(chat, []).append(member.text)
    return chats


def _slices(chats: dict[str, list[bytes]]) -> Iterator[list[bytes]]:
    """The votes of several chats for each request."""
    votes: list[bytes] = []
    size = 0
    for own in chats.values():
        more = sum(map(len, own))
        if votes and (len(votes) + len(own) > _MOST_VOTES or size + more > _MOST_BYTES):
            yield votes
            votes, size = [], 0
        votes, size = votes + own, size + more
    if votes:
        yield votes


def _results(answer: JsonAnswer, gateway: JsonServer) -> list[dict[str, Any]]:
    results = answer.document.get("results") if isinstance(answer.document, dict) else None
    if isinstance(results, list):
        return results
    if answer.status == 422:
        raise ServiceUnavailableError(f"the gateway cannot read the votes: {reason_in(answer)}")
    raise SettingsError(
        f"{gateway.url} takes no votes ({answer.status}); is it the address of a Plaudit gateway?"
    )


def _too_large(answer: JsonAnswer) -> dict[str, Any]:
    return {"id": "a chat", "status": "refused", "detail": reason_in(answer)}
