"""`plaudit datasets push`: send a snapshot to the Hugging Face Hub."""

import os
import sys
from argparse import Namespace
from importlib.util import find_spec
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import SettingsError

from plaudit_consumers.commands.dataset_options import add_action, add_root, add_snapshot, snapshot_folder


def configure(actions: Any) -> None:
    """Add the action."""
    push = add_action(
        actions,
        "push",
        "send a snapshot to the Hugging Face Hub",
        "Verifies a snapshot and sends it to a dataset on the Hub, in one commit. The dataset is created if "
        "there is none, and is private. A push that was ended goes on where it was when it is run again. The "
        "token comes from HF_TOKEN or from `hf auth login`, the Hub's address from HF_ENDPOINT.",
    )
    add_snapshot(push)
    push.add_argument("destination", metavar="hf://ORGANISATION/NAME[@BRANCH]")
    push.add_argument(
        "--public", action="store_true", help="create a public dataset, or push to one: everybody can read it"
    )
    push.add_argument(
        "--replace", action="store_true", help="replace another snapshot, or files that others changed"
    )
    add_root(push)


def push_to_hub(arguments: Namespace) -> int:
    """Send a snapshot."""
    if find_spec("huggingface_hub") is None:
        raise SettingsError("pushing needs huggingface_hub: pip install 'plaudit-consumers[hub]'")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from plaudit_consumers.publishing.destination import parse_destination  # noqa: PLC0415
    from plaudit_consumers.publishing.push import push_snapshot  # noqa: PLC0415  # loads huggingface_hub

    destination = parse_destination(arguments.destination)
    folder = snapshot_folder(arguments.snapshot, arguments)
    done = push_snapshot(
        folder, destination, public=arguments.public, replace=arguments.replace, report=print
    )
    seen = "private" if done.private else "public"
    if done.commit is None:
        print(f"{destination} ({seen}) has this snapshot already; nothing was sent")
        return OK
    print(
        f"{destination} ({seen}): {len(done.plan.send)} files sent, {len(done.plan.same)} were there, "
        f"{len(done.plan.delete)} deleted\n{done.commit}"
    )
    if arguments.public and done.private:
        print("the dataset existed and stays private; make it public in its settings on the Hub")
    return OK
