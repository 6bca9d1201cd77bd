"""The form of the topic `plaudit.models`. Needs none of the extras."""

from typing import Final

from plaudit_schemas.kafka.publication_log import LogForm
from plaudit_schemas.models.publications import Publication, publication_of
from plaudit_schemas.topics import MODELS

MODEL_LOG: Final[LogForm[Publication]] = LogForm(
    MODELS, "model_publication", publication_of, "plaudit models list"
)
