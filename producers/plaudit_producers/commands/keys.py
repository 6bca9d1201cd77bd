"""`plaudit keys create|list|revoke`: the gateway's API keys."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from pydantic import ValidationError

from plaudit_producers.gateway.settings import GatewaySettings

if TYPE_CHECKING:
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
    listing = actions.add_parser(
        "list", help="list the keys, without their secrets, which are stored nowhere"
    )
    revoke = actions.add_parser("revoke", help="refuse a key, and the tokens made with it, from now on")
    revoke.add_argument("id", help="the key's id, as `list` prints it")
    for each in (create, listing, revoke):
        add_arguments(each, ConnectionSettings, GatewaySettings, main=("redis_url", "gateway_keys"))


_CREATE = (
    "Roles. producer: send events of chats and their users, and get tokens for web pages. reviewer: also "
    "send feedback by reviewers and judging models, and review in the console. lead: as reviewer, and see "
    "how reviewers do, settle what they disagree on, send conversations to them, and correct answers. "
    "reader: read live conversations. admin: all of these, and erasure."
)


def run(arguments: Namespace) -> int:
    from plaudit_producers.gateway.access.key_stores import key_store_of  # noqa: PLC0415  # loads the extra

    store = key_store_of(load(GatewaySettings, arguments), load(ConnectionSettings, arguments))
    if arguments.action == "create":
        return _create_key(arguments, store)
    if arguments.action == "revoke":
        return _revoke_key(arguments.id, store)
    return _list_keys(store)


def _create_key(arguments: Namespace, store: "KeyStore") -> int:
    from plaudit_producers.gateway.access.api_keys import make_key  # noqa: PLC0415  # as above

    roles = frozenset(arguments.role or ("producer", "reader"))
    try:
        made = make_key(
            arguments.application,
            roles,
            name=arguments.name,
            rate=arguments.rate,
            person=arguments.person,
        )
    except ValidationError as error:
        first = error.errors()[0]  # one is enough for a person to go on
        raise SettingsError(f"{first['loc'][0]}: {first['msg']}") from None
    store.add(made.key)
    print(made.secret)
    return OK


def _revoke_key(key_id: str, store: "KeyStore") -> int:
    if not store.revoke(key_id):
        print(f"there is no key {key_id}")
        return FAILED
    print(f"revoked {key_id}; gateways refuse it within seconds")
    return OK


def _list_keys(store: "KeyStore") -> int:
    for key in sorted(store.load().values(), key=lambda key: key.created_at):
        roles = ",".join(sorted(key.roles))
        rate = "-" if key.rate is None else f"{key.rate:g}/s"
        print(
            f"{key.id}  {key.application:<20}  {roles:<20}  {rate:>8}  {key.created_at:%Y-%m-%d}  "
            f"{key.person or '-':<12}  {key.name}"
        )
    return OK


COMMAND = Command("keys", "make, list and revoke the gateway's API keys", configure, run)
