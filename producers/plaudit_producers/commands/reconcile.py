"""`plaudit reconcile open-webui`: bring the votes of Open WebUI that are missing or changed."""

import sys
from argparse import ArgumentParser, Namespace
from importlib.resources import files
from typing import TYPE_CHECKING

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load, variable_of

from plaudit_producers.integrations.open_webui.settings import OpenWebuiSettings

if TYPE_CHECKING:
    from plaudit_producers.integrations.open_webui.reconciling import Reconciled

_SHOWN = 10


def configure(parser: ArgumentParser) -> None:
    sources = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
    open_webui = sources.add_parser("open-webui", help="the votes of an Open WebUI", description=_OPEN_WEBUI)
    open_webui.add_argument(
        "--file",
        metavar="FILE",
        help="an export of feedback, instead of asking Open WebUI; nothing is taken back",
    )
    open_webui.add_argument(
        "--print-function",
        action="store_true",
        help="print the Event function to paste into Open WebUI, and exit",
    )
    add_arguments(open_webui, OpenWebuiSettings, main=("open_webui_url", "open_webui_gateway_url"))


_OPEN_WEBUI = (
    "Compares all votes of Open WebUI with what the gateway has sent. Votes that are missing or changed are "
    "sent with their chats, and those that were deleted are taken back. Run it from time to time: the Event "
    "function of Open WebUI sends each vote when it is given, but only once. "
    "Running it twice changes nothing."
)


def run(arguments: Namespace) -> int:
    from plaudit_producers.importers.source import open_source  # noqa: PLC0415  # loaded when used
    from plaudit_producers.integrations.open_webui.http_json import JsonServer  # noqa: PLC0415  # as above
    from plaudit_producers.integrations.open_webui.reconciling import (  # noqa: PLC0415  # as above
        fetch_export,
        send_votes,
        take_back_deleted,
    )

    if arguments.print_function:
        package = files("plaudit_producers.integrations.open_webui")
        sys.stdout.write((package / "event_function.py").read_text(encoding="utf-8"))
        return OK
    settings = load(OpenWebuiSettings, arguments)
    instance = settings.open_webui_instance
    gateway = JsonServer(
        "the gateway", settings.open_webui_gateway_url, *_key(settings, "open_webui_gateway_key")
    )
    if arguments.file:
        with open_source(arguments.file) as export:
            done = send_votes(export, gateway, instance)
        done.deletions_skipped = "a file may be older than the votes that the gateway knows"
    else:
        server = JsonServer("Open WebUI", settings.open_webui_url, *_key(settings, "open_webui_key"))
        done = send_votes(fetch_export(server), gateway, instance)
        take_back_deleted(server, gateway, instance, done)
    print(describe(done))
    return OK


def describe(done: "Reconciled") -> str:
    """Describe the outcome in a few lines."""
    counts = done.counts
    votes = sum(counts.values()) - counts.get("withdrawn", 0)
    told = [f"{counts.get('accepted', 0):,} new or changed", f"{counts.get('unchanged', 0):,} unchanged"]
    lines = [f"{votes:,} votes: {', '.join(told)}, {counts.get('refused', 0):,} refused"]
    if done.deletions_skipped:
        lines.append(f"deleted votes were not looked for: {done.deletions_skipped}")
    else:
        lines.append(f"{counts.get('withdrawn', 0):,} deleted votes were taken back")
    lines += [f"  {name}: {reason}" for name, reason in done.refused[:_SHOWN]]
    if len(done.refused) > _SHOWN:
        lines.append(f"  and {len(done.refused) - _SHOWN:,} more")
    return "\n".join(lines)


def _key(settings: OpenWebuiSettings, name: str) -> tuple[str, str]:
    """The key of a setting, and the setting's variable."""
    key, variable = getattr(settings, name).get_secret_value().strip(), variable_of(name)
    if not key:
        described = str(OpenWebuiSettings.model_fields[name].description)
        raise SettingsError(f"{variable} is not set: give {described[:2].lower()}{described[2:]}")
    if not (key.isascii() and key.isprintable()):  # the HTTP client would quote the whole key in its error
        raise SettingsError(f"{variable} holds a character that no key has")
    return key, variable


COMMAND = Command("reconcile", "bring votes of other systems that are missing or changed", configure, run)
