"""Makes a model of a folder that has a graph and a tokenizer: hashes, canaries, manifest."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plaudit_schemas.errors import ModelCheckError
from plaudit_schemas.models.canaries import prove
from plaudit_schemas.models.files import hashes_of
from plaudit_schemas.models.manifest import MANIFEST_NAME, ModelManifest
from plaudit_schemas.models.manifest_file import checked_manifest, write_manifest
from plaudit_schemas.models.model import load_model
from plaudit_schemas.models.runtime_settings import RuntimeSettings


def seal_model(
    folder: Path, fields: Mapping[str, Any], canaries: Sequence[str], settings: RuntimeSettings | None = None
) -> ModelManifest:
    """Write the manifest of a folder that holds all its other files.

    Args:
        fields: of the manifest, without `files` and `canaries`; without `created_at` and `created_by` it was
            made now, by Plaudit.
        canaries: texts as the model is given them. Their scores are taken from the model itself.

    Raises:
        SettingsError, ModelError: as `open_model`.
    """
    settings = settings or RuntimeSettings(onnx_provider="cpu")
    manifest = checked_manifest(
        {
            **fields,
            "files": hashes_of(folder),
            "canaries": [{"text": text, "score": 0.5} for text in canaries],
            "created_at": fields.get("created_at") or datetime.now(UTC).replace(microsecond=0),
            "created_by": fields.get("created_by") or "plaudit",
        },
        str(folder / MANIFEST_NAME),
    )
    model = load_model(folder, manifest, settings)
    try:
        scores = [model.score([text])[0] for text in canaries]
        for text, score in zip(canaries, scores, strict=True):
            if score.number != score.number:  # NaN
                raise ModelCheckError(
                    f"{folder} gives no number for the canary {text[:60]!r}, because {model.refused}"
                )
        made = [{"text": text, "score": score.number} for text, score in zip(canaries, scores, strict=True)]
        sealed = checked_manifest({**manifest.document(), "canaries": made}, str(folder / MANIFEST_NAME))
        prove(model, sealed)
    finally:
        model.close()
    write_manifest(folder, sealed)
    return sealed
