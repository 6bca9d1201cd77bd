"""`plaudit models show NAME[@VERSION]`: what was published of a model."""

import json
import time
from argparse import Namespace
from typing import TYPE_CHECKING

import yaml
from plaudit_schemas.commands import OK
from plaudit_schemas.commands.printing import time_text
from plaudit_schemas.contract.printable import printable

from plaudit_consumers.commands.model_list import print_states, state_document, state_text
from plaudit_consumers.commands.model_options import open_registry

if TYPE_CHECKING:
    from plaudit_schemas.models.publication_states import PublicationState


def show_published(arguments: Namespace) -> int:
    """Show a model's history, or one version with its manifest."""
    from plaudit_schemas.models.publication_states import states_of  # noqa: PLC0415  # loaded when used
    from plaudit_schemas.models.registry import version_of  # noqa: PLC0415  # loads Kafka's client when used

    name, at, version = arguments.model.partition("@")
    with open_registry(arguments) as registry:
        known = registry.known(name)
    states = states_of(known, time.time_ns() // 1_000_000)
    if at:
        wanted = version_of(known, name, version)
        states = [each for each in states if each.publication.id == wanted.id]
    if arguments.json:
        print(json.dumps([state_document(each) for each in states], indent=2))
    elif at:
        _print_version(states[0])
    else:
        print_states(states)
    return OK


def _print_version(each: "PublicationState") -> None:
    found = each.publication
    print(f"{found.name}@{found.version}: {state_text(each)}")
    by = f" by {found.published_by}" if found.published_by else ""
    print(printable(f"  published: {time_text(found.published_ms)}{by}"))
    print(printable(f"  location: {found.location}"))
    print(printable(f"  sha256: {found.sha256}"))
    if found.note:
        print(printable(f"  note: {found.note}"))
    # YAML escapes what could control the terminal.
    text = yaml.safe_dump(json.loads(found.manifest), sort_keys=False, width=110)
    print("\n".join(f"  {line}" for line in text.splitlines()))
