"""Where the files of models are kept that lie in an object store."""

from pydantic import Field

from plaudit_schemas.settings import Settings


class ModelCacheSettings(Settings):
    """The folder of such files, and how much it may hold."""

    model_cache: str = Field(
        default="",
        description="Folder for the files of models from object stores; default: ~/.cache/plaudit/models",
    )
    model_cache_mb: int = Field(
        default=10_240, ge=0, description="Most MiB in it; models that were not used for longest are deleted"
    )
