"""`plaudit keys create|list|revoke`: the gateway's API keys."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from pydantic import ValidationError

from plaudit_producers.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from plaudit_producers.gateway.keystore import KeyStore


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it, once", description=_CREATE)
    create.add_argument("--application", default="default", help="whose events it sends; default %(default)s")
    create.add_argument(
        "--role",
        action="append",
        choices=["producer", "reviewer", "reader", "admin"],
        help="may be given several times; default producer and reader",
    )
    create.add_argument("--name", default="", help="what it is for")
    create.add_argument("--rate", type=float, help="events a second; the gateway's default otherwise")
    listing = actions.add_parser("list", help="list the keys; their secrets are kept nowhere")
    revoke = actions.add_parser("revoke", help="refuse a key, and the tokens made with it, from now on")
    revoke.add_argument("id", help="the key's id, as `list` prints it")
    for each in (create, listing, revoke):
        add_arguments(each, ConnectionSettings, GatewaySettings)


_CREATE = (
    "producer: events of chats and of their users, and tokens for pages. reviewer: feedback by reviewers and "
    "model judges too. reader: live conversations. admin: all of it, and erasure."
)


def run(arguments: Namespace) -> int:
    from plaudit_producers.gateway.keystore import key_store  # noqa: PLC0415  # the extra loads when used

    store = key_store(load(GatewaySettings, arguments), load(ConnectionSettings, arguments))
    if arguments.action == "create":
        return _create(arguments, store)
    if arguments.action == "revoke":
        if not store.revoke(arguments.id):
            print(f"there is no key {arguments.id}")
            return FAILED
        print(f"revoked {arguments.id}; gateways refuse it within seconds")
        return OK
    for key in sorted(store.load().values(), key=lambda key: key.created_at):
        roles = ",".join(sorted(key.roles))
        rate = "-" if key.rate is None else f"{key.rate:g}/s"
        print(
            f"{key.id}  {key.application:<20}  {roles:<20}  {rate:>8}  {key.created_at:%Y-%m-%d}  {key.name}"
        )
    return OK


def _create(arguments: Namespace, store: "KeyStore") -> int:
    from plaudit_producers.gateway.keys import make_key  # noqa: PLC0415  # as above

    roles = frozenset(arguments.role or ("producer", "reader"))
    try:
        made = make_key(arguments.application, roles, name=arguments.name, rate=arguments.rate)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{first['loc'][0]}: {first['msg']}") from None
    store.add(made.key)
    print(made.secret)
    return OK


COMMAND = Command("keys", "make, list and revoke the gateway's API keys", configure, run)
