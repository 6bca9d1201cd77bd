"""Votes of Open WebUI, with the chats that they are about, as events. No I/O.

The events are those of `plaudit replay --format openwebui`, under the same ids, except that a chat is not
ended: it may go on. A vote replaces what was said of it before, and takes back what it no longer says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeGuard

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.contract.names import END_CONVERSATION, UPDATE_MESSAGE
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.gateway.intake.vote_ledger import KnownVote
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import reason_of
from plaudit_producers.importers.ids import EPOCH, DerivedIds
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.model import ImportOptions, Place
from plaudit_producers.importers.openwebui import build_openwebui, changed_at, chat_of
from plaudit_producers.importers.records import ReadRecord

_FORMAT = "openwebui"
_ASPECT = "satisfaction"
_AN_ID: Final = f"a text of 1 to {ID_CHARACTERS} characters"
_FIELDS = ("instance", "feedbacks", "deleted", "all")


@dataclass(frozen=True, slots=True)
class OpenWebuiRequest:
    """What a request says.

    Attributes:
        instance: which Open WebUI it is, where one application has several.
        feedbacks: records of votes.
        deleted: ids of votes that were deleted.
        all_ids: the ids of all votes that there are; None if the request does not say.
    """

    instance: str = "default"
    feedbacks: tuple[Any, ...] = ()
    deleted: tuple[str, ...] = ()
    all_ids: frozenset[str] | None = None


class VotedChat(NamedTuple):
    """The events of one chat, and what the gateway will know of its votes once Kafka has them."""

    records: list[Record]
    votes: dict[str, KnownVote]


@dataclass(slots=True)
class ReadVotes:
    """The records of a request, sorted.

    Attributes:
        chats: new and changed votes, by chat.
        unchanged: ids of votes of which nothing newer is said.
        refused: the reason for each record that cannot be read, by its id, or by its place if it has none.
    """

    chats: list[VotedChat] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def parse_votes(body: bytes) -> OpenWebuiRequest:
    """Read a request's body: an object of the fields of OpenWebuiRequest, an export, or one record of a vote.

    Raises:
        InvalidEventError: it is none of these.
    """
    try:
        document = parse_json(body)
    except ValueError as error:
        raise InvalidEventError(f"the body {error}") from None
    if isinstance(document, list):
        return OpenWebuiRequest(feedbacks=tuple(document))
    if not isinstance(document, dict):
        raise InvalidEventError("the body must be an object, or a list of records of votes")
    if "data" in document:
        return OpenWebuiRequest(feedbacks=(document,))
    unknown = sorted(set(document) - set(_FIELDS))
    if unknown or not document:
        named = f"{unknown[0]} is not a field of it; " if unknown else ""
        raise InvalidEventError(f"the body is no record of a vote; {named}known are {', '.join(_FIELDS)}")
    everything = document.get("all")
    all_ids = None if everything is None else frozenset(_texts(everything, "all"))
    return OpenWebuiRequest(
        instance=_text(document.get("instance", "default"), "instance"),
        feedbacks=tuple(_list(document.get("feedbacks", []), "feedbacks")),
        deleted=tuple(_texts(document.get("deleted", []), "deleted")),
        all_ids=all_ids,
    )


def vote_ids(feedbacks: Iterable[Any]) -> list[str]:
    """The ids of the votes in some records."""
    found = [each.peek("id") for each in feedbacks if isinstance(each, ReadRecord)]
    return [each for each in found if _is_id(each)]


def read_votes(
    feedbacks: Sequence[Any], application: str, known: Mapping[str, KnownVote], *, now: int
) -> ReadVotes:
    """Turn records of votes into events.

    Args:
        known: what the gateway knows of the votes.
        now: the time of the events, in microseconds since 1970.
    """
    read = ReadVotes()
    by_chat: dict[str, list[ReadRecord]] = defaultdict(list)
    for number, record in enumerate(feedbacks, 1):
        try:
            chat_id, vote_id, version = _chat_id(record), record["id"], changed_at(record)
        except Exception as error:  # a record may have any shape and so raise anything; the rest must go on
            read.refused.append((_name(record, number), reason_of(error)))
            continue
        before = known.get(vote_id)
        if before is not None and version <= before.version:
            read.unchanged.append(vote_id)
        else:
            by_chat[chat_id].append(record)
    for records in by_chat.values():
        try:
            read.chats.append(_voted_chat(records, application, known, now))
        except Exception as error:  # as above
            read.refused += [(_name(record, 0), reason_of(error)) for record in records]
    return read


def withdrawals(
    vote_id: str, vote: KnownVote, kinds: Iterable[str], version: str, application: str, *, now: int
) -> list[Record]:
    """The events that take back some of what a vote said.

    Args:
        version: what took it back: a version of the vote, or that it was deleted.
    """
    ids = DerivedIds(EPOCH, _FORMAT, "withdrawn", application, vote_id, version)
    return [
        {
            "event_id": ids("event", kind),
            "application": application,
            "conversation_id": vote.conversation_id,
            "occurred_at": now,
            "source": "gateway",
            "body": (
                UPDATE_MESSAGE,
                {
                    "message_id": vote.message_id,
                    "feedback": {
                        "id": ids("feedback", kind),
                        "rater": _rater(vote.user_id),
                        "aspect": _ASPECT,
                        "kind": kind,
                        "value": None,
                    },
                },
            ),
        }
        for kind in sorted(kinds)
    ]


def _chat_id(record: Any) -> str:
    if not isinstance(record, ReadRecord) or "data" not in record or "meta" not in record:
        raise ValueError("it is not a record of a vote: it lacks data or meta")
    if not _is_id(record["id"]):
        raise ValueError(f"its id must be {_AN_ID}")
    return chat_of(record)


def _voted_chat(
    records: Sequence[ReadRecord], application: str, known: Mapping[str, KnownVote], now: int
) -> VotedChat:
    chat = Chat(Place(1, 1), ImportOptions(application=application), _FORMAT)
    build_openwebui(chat, records, live=True)
    made = [record for batch in chat.batches() for record in batch.records]
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in made:
        name, body = record["body"]
        if name == UPDATE_MESSAGE:
            feedback = body["feedback"]
            kinds[body["message_id"], feedback["rater"].get("id") or ""].add(feedback["kind"])
    votes, taken_back = {}, []
    for record in records:
        message_id, user_id = str(record["meta"]["message_id"]), str(record.get("user_id") or "")
        said = kinds[message_id, user_id]
        vote = KnownVote(chat.conversation_id, message_id, user_id, tuple(sorted(said)), changed_at(record))
        before = known.get(record["id"])
        if before is not None:
            gone = set(before.kinds) - said
            taken_back += withdrawals(record["id"], before, gone, str(vote.version), application, now=now)
        votes[record["id"]] = vote
    # The old words first: what is taken back must not take the new word with it.
    events = [*taken_back, *(record for record in made if record["body"][0] != END_CONVERSATION)]
    for number, record in enumerate(events):
        # The file's times may be invented or long ago. As in an import, the events happen now, in order.
        record |= {"source": "gateway", "occurred_at": now + number}
    return VotedChat(events, votes)


def _rater(user_id: str) -> dict[str, Any]:
    return {"kind": "user", "id": user_id} if user_id else {"kind": "user"}


def _name(record: Any, number: int) -> str:
    vote_id = record.peek("id") if isinstance(record, ReadRecord) else None
    return vote_id if _is_id(vote_id) else f"record {number}"


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidEventError(f"{name} must be a list")
    return value


def _texts(value: Any, name: str) -> list[str]:
    return [_text(each, name) for each in _list(value, name)]


def _text(value: Any, name: str) -> str:
    if not _is_id(value):
        raise InvalidEventError(f"{name} must be {_AN_ID}")
    return value


def _is_id(value: Any) -> TypeGuard[str]:
    """Whether Redis and an answer can name something by it: JSON may also hold half an emoji, or a book."""
    if not isinstance(value, str) or not 0 < len(value) <= ID_CHARACTERS:
        return False
    return not any("\ud800" <= each <= "\udfff" for each in value)
