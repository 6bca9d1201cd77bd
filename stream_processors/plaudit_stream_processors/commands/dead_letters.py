"""`plaudit dead-letters`: list refused records with their reasons, or send them again."""

import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.reasons import REASONS
from plaudit_schemas.contract.times import read_moment
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

if TYPE_CHECKING:
    from plaudit_stream_processors.dead_letters.listing import ListedLetter


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Lists the records that were refused, with their reasons. With --send they are sent again to the "
        "partitions they came from, or with the reason wrong_partition to those of their keys. Sending twice "
        "is harmless: an event counts once. What was sent without --since is recorded, so that the alert on "
        "letters that wait ends."
    )
    parser.add_argument(
        "--reason", action="append", choices=REASONS, help="only this reason; may be repeated"
    )
    parser.add_argument(
        "--since", metavar="TIME", help="only records that arrived at or after this ISO 8601 time"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most N records")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line, values in hexadecimal"
    )
    parser.add_argument("--send", action="store_true", help="send them again instead of listing them")
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers",))


def run(arguments: Namespace) -> int:
    import orjson  # noqa: PLC0415  # loaded where used

    from plaudit_stream_processors.dead_letters.listing import (  # noqa: PLC0415
        Selection,
        document_of,
        line_of,
        list_letters,
    )

    connection = load(ConnectionSettings, arguments)
    selection = Selection(frozenset(arguments.reason or ()), _since(arguments.since))
    listed = islice(list_letters(connection, selection), arguments.limit)
    if arguments.send:
        return _send(connection, list(listed), whole=arguments.since is None)
    counts: Counter[str] = Counter()
    for each in listed:
        counts[each.letter.refusal.reason] += 1
        print(orjson.dumps(document_of(each)).decode() if arguments.json else line_of(each))
    if not arguments.json:
        summary = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        print(f"{counts.total()} dead letters{': ' + summary if summary else ''}", file=sys.stderr)
    return OK


def _send(connection: ConnectionSettings, listed: "list[ListedLetter]", *, whole: bool) -> int:
    """Send letters again. With `whole` there are no earlier letters of their reasons."""
    from plaudit_stream_processors.dead_letters.resending import (  # noqa: PLC0415  # loads Kafka's client
        record_resent,
        resend_letters,
    )

    count = resend_letters(connection, [each.letter for each in listed])
    print(f"{count} records sent again")
    if count < len(listed):
        print(f"{len(listed) - count} left out: their letters do not hold the record", file=sys.stderr)
    if not whole:
        return OK
    try:
        record_resent(connection, listed)
    except ServiceUnavailableError as error:
        print(f"plaudit: {error}; the alert on letters that wait goes on", file=sys.stderr)
        return FAILED
    return OK


def _since(text: str | None) -> int:
    if text is None:
        return 0
    try:
        at = read_moment(text)
    except ValueError:
        raise SettingsError(f"--since {text!r} is not a time such as 2026-11-21T12:00:00Z") from None
    return int(at.timestamp() * 1000)


COMMAND = Command(
    "dead-letters", "list refused records with their reasons, or send them again", configure, run
)
