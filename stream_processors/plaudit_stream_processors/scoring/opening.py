"""Loads a published version from its location."""

from plaudit_schemas.models.activations import Activation
from plaudit_schemas.models.folder_cache import FolderCache
from plaudit_schemas.models.model import open_model
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.models.scores import AnswerModel

from plaudit_stream_processors.scoring.versions import OpenVersion


def opener(cache: FolderCache, runtime: RuntimeSettings) -> OpenVersion:
    """A function that fetches versions and loads them. It raises what those two do."""

    def open_version(activation: Activation) -> AnswerModel:
        return open_model(cache.fetch(activation.location, activation.sha256), runtime)

    return open_version
