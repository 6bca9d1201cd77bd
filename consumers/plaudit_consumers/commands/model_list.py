"""`plaudit models list`: the published models, and which version is active."""

import json
import time
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.commands.printing import columns, time_text
from plaudit_schemas.contract.printable import printable

from plaudit_consumers.commands.model_options import (
    add_action,
    add_connection,
    open_registry,
)

if TYPE_CHECKING:
    from plaudit_schemas.models.publication_states import PublicationState


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_action(
        actions,
        "list",
        "list the published models, and which version is active",
        "Lists what is active, and what waits for its time. With --all, everything that was ever published.",
    )
    parser.add_argument("--all", action="store_true", help="also what was replaced")
    parser.add_argument("--json", action="store_true", help="print one JSON list; times in ms since 1970")
    add_connection(parser)


def list_models(arguments: Namespace) -> int:
    """Print the publications."""
    from plaudit_schemas.models.publication_states import states_of  # noqa: PLC0415  # loaded when used

    with open_registry(arguments) as registry:
        known, unreadable = registry.publications(), registry.unreadable()
    states = states_of(known, time.time_ns() // 1_000_000)
    shown = [each for each in states if arguments.all or each.state in ("active", "waiting")]
    if arguments.json:
        print(json.dumps([state_document(each) for each in shown], indent=2))
    elif shown:
        print_states(shown)
    else:
        print("no model is published; `plaudit models publish FOLDER` publishes one")
    for key, reason in unreadable if not arguments.json else ():
        print(f"not readable: {printable(key)}: {printable(reason)}")
    return OK


def print_states(states: Sequence["PublicationState"]) -> None:
    """Print a line for each publication."""
    rows = [
        (
            each.publication.name,
            each.publication.version or "-",
            state_text(each),
            each.publication.note or "",
        )
        for each in states
    ]
    print("\n".join(columns(rows)))


def state_text(each: "PublicationState") -> str:
    """What became of a publication, in words."""
    publication = each.publication
    begin = time_text(publication.active_from_ms)
    if each.state == "never":
        return "was replaced before it was active"
    if publication.action == "withdraw":
        return {"active": f"withdrawn since {begin}", "waiting": f"will be withdrawn {begin}"}.get(
            each.state, f"was withdrawn {begin}"
        )
    if each.state == "past":
        return f"was active {begin} to {time_text(each.until_ms or 0)}"
    if each.state == "waiting":
        return f"will be active from {begin}"
    ending = "" if each.until_ms is None else f", until {time_text(each.until_ms)}"
    return f"active since {begin}{ending}"


def state_document(each: "PublicationState") -> dict[str, Any]:
    """A publication as JSON, with its manifest."""
    fields = each.publication._asdict()
    manifest = fields.pop("manifest")
    return {
        **{key: value or None for key, value in fields.items()},
        "delay_ms": each.publication.delay_ms,
        "active_from_ms": each.publication.active_from_ms,
        "active_until_ms": each.until_ms,
        "state": each.state,
        "manifest": json.loads(manifest) if manifest else None,
    }
