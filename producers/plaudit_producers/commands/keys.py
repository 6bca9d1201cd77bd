"""`plaudit keys create|list|revoke|backup|restore|take-over`: the gateway's API keys."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from pydantic import ValidationError

from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_producers.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from plaudit_producers.gateway.access.key_stores import KeyStore


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it, once", description=_CREATE)
    create.add_argument(
        "--application", default="default", help="the tenant whose events it sends; default %(default)s"
    )
    create.add_argument(
        "--role",
        action="append",
        choices=["producer", "reviewer", "lead", "reader", "admin"],
        help="may be repeated; default producer and reader",
    )
    create.add_argument("--name", default="", help="a note on what the key is for")
    create.add_argument("--person", help="the rater id of whoever reviews with it; default the key's id")
    create.add_argument("--rate", type=float, help="events per second; default the gateway's own limit")
    create.add_argument("--byte-rate", type=float, help="bytes per second; default the gateway's own limit")
    listing = actions.add_parser(
        "list", help="list the keys, without their secrets, which are stored nowhere"
    )
    revoke = actions.add_parser("revoke", help="refuse a key, and the tokens made with it, from now on")
    revoke.add_argument("id", help="the key's id, as `list` prints it")
    backup = actions.add_parser("backup", help="write all keys to a file, without their secrets")
    backup.add_argument("file", metavar="FILE", help="only its owner may read it; - for standard output")
    restore = actions.add_parser(
        "restore", help="add the keys of a backup that are missing", description=_RESTORE
    )
    restore.add_argument("file", metavar="FILE", help="what `backup` wrote; - for standard input")
    take_over = actions.add_parser(
        "take-over",
        help="take the keys that the release before kept in Redis into Kafka",
        description="Does so with PLAUDIT_GATEWAY_KEYS=kafka. Until it is done, gateways and consoles accept "
        "the keys in Redis too. `create`, `revoke` and `restore` do it as well.",
    )
    for each in (create, listing, revoke, backup, restore, take_over):
        add_arguments(
            each,
            ConnectionSettings,
            GatewaySettings,
            main=("bootstrap_servers", "redis_url", "gateway_keys"),
        )


_RESTORE = (
    "Adds what the backup has and the store lacks. A key that was revoked since the backup stays revoked, "
    "and what the backup says is revoked becomes so. So a backup also moves keys from one store to another."
)
_CREATE = (
    "Roles. producer: send events of chats and their users, and get tokens for web pages. reviewer: also "
    "send feedback by reviewers and judging models, and review in the console. lead: as reviewer, and see "
    "how reviewers do, settle what they disagree on, send conversations to them, and correct answers. "
    "reader: read live conversations. admin: all of these, and erasure."
)


def run(arguments: Namespace) -> int:
    from plaudit_producers.gateway.access.key_stores import key_store_of  # noqa: PLC0415  # loads the extra

    settings = load(GatewaySettings, arguments)
    if settings.gateway_keys == "redis":
        print(
            "keys in Redis are lost when it is emptied: set PLAUDIT_GATEWAY_KEYS=kafka and run "
            "`plaudit keys take-over`",
            file=sys.stderr,
        )
    store = key_store_of(settings, load(ConnectionSettings, arguments))
    try:
        return _ACTIONS[arguments.action](arguments, store)
    finally:
        store.close()


def _create_key(arguments: Namespace, store: "KeyStore") -> int:
    from plaudit_producers.gateway.access.api_keys import make_key  # noqa: PLC0415  # as above

    roles = frozenset(arguments.role or ("producer", "reader"))
    try:
        made = make_key(
            arguments.application,
            roles,
            name=arguments.name,
            rate=arguments.rate,
            byte_rate=arguments.byte_rate,
            person=arguments.person,
        )
    except ValidationError as error:
        first = error.errors()[0]  # one is enough for a person to go on
        raise SettingsError(f"{first['loc'][0]}: {first['msg']}") from None
    store.add(made.key)
    print(made.secret)
    return OK


def _revoke_key(arguments: Namespace, store: "KeyStore") -> int:
    if not store.revoke(arguments.id):
        print(printable(f"there is no key {arguments.id}; it stays refused, should a backup bring it back"))
        return FAILED
    print(f"revoked {arguments.id}; gateways refuse it within seconds")
    return OK


def _back_up(arguments: Namespace, store: "KeyStore") -> int:
    from plaudit_producers.gateway.access.key_books import book_text  # noqa: PLC0415  # as above
    from plaudit_producers.gateway.access.key_stores import write_privately  # noqa: PLC0415  # as above

    book = store.read()
    if book.unreadable:
        raise KeyStoreError(f"a backup would lack keys that this release cannot read: {book.unreadable[0]}")
    if arguments.file == "-":
        print(book_text(book).decode())
        return OK
    try:
        write_privately(Path(arguments.file), book_text(book))
    except OSError as error:
        raise KeyStoreError(f"{arguments.file} cannot be written: {error.strerror}") from None
    print(f"{len(book.keys)} keys and {len(book.revoked)} revocations written to {arguments.file}")
    return OK


def _restore(arguments: Namespace, store: "KeyStore") -> int:
    from plaudit_producers.gateway.access.key_books import read_book  # noqa: PLC0415  # as above

    try:
        text = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise KeyStoreError(f"{arguments.file} cannot be read: {error.strerror}") from None
    backup = read_book(text, arguments.file)
    added = store.restore(backup)
    stay = sorted(backup.keys.keys() & store.read().revoked)
    print(f"{len(added.keys)} keys and {len(added.revoked)} revocations restored")
    if stay:
        print(f"revoked since the backup, and still so: {', '.join(stay)}")
    return OK


def _take_over(_arguments: Namespace, store: "KeyStore") -> int:
    from plaudit_producers.gateway.access.kafka_key_store import KafkaKeyStore  # noqa: PLC0415  # as above

    if not isinstance(store, KafkaKeyStore):
        raise SettingsError("PLAUDIT_GATEWAY_KEYS: set it to kafka, which takes the keys of Redis over")
    print(f"{store.take_over()} keys taken over from Redis")
    return OK


def _list_keys(_arguments: Namespace, store: "KeyStore") -> int:
    for key in sorted(store.load().values(), key=lambda key: key.created_at):
        roles = ",".join(sorted(key.roles))
        rate = "-" if key.rate is None else f"{key.rate:g}/s"
        line = (
            f"{key.id}  {key.application:<20}  {roles:<20}  {rate:>8}  {key.created_at:%Y-%m-%d}  "
            f"{key.person or '-':<12}  {key.name}"
        )
        print(printable(line))
    return OK


_ACTIONS: "dict[str, Callable[[Namespace, KeyStore], int]]" = {
    "create": _create_key,
    "list": _list_keys,
    "revoke": _revoke_key,
    "backup": _back_up,
    "restore": _restore,
    "take-over": _take_over,
}

COMMAND = Command("keys", "make, list, revoke and back up the gateway's API keys", configure, run)
