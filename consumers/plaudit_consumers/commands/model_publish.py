"""`plaudit models publish`: let a version of a model score answers."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import PublicationError
from plaudit_schemas.models.activations import ACTIVATION_DELAY_MS
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.settings import load

from plaudit_consumers.commands.model_compare import compare_with_published
from plaudit_consumers.commands.model_options import (
    add_action,
    add_publication,
    open_registry,
    print_activation,
    publication_fields,
)

if TYPE_CHECKING:
    from plaudit_schemas.models.manifest import ModelManifest


def configure(actions: Any) -> None:
    """Add the action."""
    parser = add_action(
        actions,
        "publish",
        "let a version of a model score answers",
        "Checks the folder of a model as `plaudit models check` does, and publishes it. Every scorer of the "
        "model loads it before its time comes, and takes it for answers that are complete from then on. A "
        "model that is not better than chance is refused. Publishing the same again changes nothing.",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", help="the folder with plaudit-model.yaml: a path, or s3://, gs://, az://"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--copy-to", metavar="PLACE", help="copy it to PLACE/NAME/VERSION, where all scorers can read it"
    )
    place.add_argument(
        "--location", metavar="PLACE", help="where scorers find the folder, if it is not FOLDER for them"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="even if it is not better than chance, and without running it on this machine",
    )
    parser.add_argument(
        "--compare-root",
        metavar="ROOT",
        help="first show whether it is better than the version published before, on what people judged "
        "under this root (docs/ranking.md)",
    )
    add_publication(parser, ACTIVATION_DELAY_MS)


def publish_model(arguments: Namespace) -> int:
    """Check a folder and publish it."""
    from plaudit_schemas.models.manifest_file import read_manifest  # noqa: PLC0415  # loaded when used

    from plaudit_consumers.commands.model_files import (  # noqa: PLC0415  # loads obstore
        folder_at,
        published_location,
        sha256_at,
    )

    sha256 = sha256_at(arguments.folder)
    folder = folder_at(arguments.folder, sha256)
    manifest, _ = read_manifest(folder)
    if not arguments.force:
        refuse_worse(manifest)
        run_once(folder)
    if arguments.compare_root is not None:
        compare_with_published(arguments, manifest.name, folder)
    with open_registry(arguments) as registry:
        # Before anything is copied: a version that is taken is refused.
        registry.check_free(manifest.name, manifest.version, sha256)
        location = published_location(arguments, folder, sha256)
        before = registry.activations(manifest.name).newest
        done = registry.publish(manifest, sha256, location, **publication_fields(arguments))
    if before is not None and before.id == done.id:
        print(f"{done.name}@{done.version} was published already; nothing was done")
    print_activation(done)
    if "://" not in location:
        print(f"every scorer must be able to read {location}; --copy-to copies the files", file=sys.stderr)
    return OK


def refuse_worse(manifest: "ModelManifest") -> None:
    """Refuse a model whose own figures speak against it.

    Raises:
        PublicationError: it is not better than chance.
    """
    figures = manifest.figures
    if figures is not None and not figures.better_than_chance:
        raise PublicationError(
            f"{manifest.name}@{manifest.version} is not better than chance: its accuracy on {figures.rows} "
            f"rows is {figures.accuracy.value:.3f} ({figures.accuracy.low:.3f} to "
            f"{figures.accuracy.high:.3f}); train it with more votes, or publish it with --force"
        )


def run_once(folder: Path) -> None:
    """Load a model and let it score its canaries.

    Raises:
        SettingsError: ONNX Runtime is not installed.
        ModelError: the model does not give what it promises.
    """
    from plaudit_schemas.models.packages import runtime_package  # noqa: PLC0415  # loaded when used

    runtime_package()
    from plaudit_schemas.models.model import open_model  # noqa: PLC0415  # loads ONNX Runtime when used

    open_model(folder, load(RuntimeSettings)).close()
