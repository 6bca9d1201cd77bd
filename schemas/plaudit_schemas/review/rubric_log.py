"""The form of the topic `plaudit.rubrics`."""

from typing import Final

from plaudit_schemas.kafka.publication_log import LogForm
from plaudit_schemas.review.publications import RubricRecord, rubric_record_of
from plaudit_schemas.topics import RUBRICS

RUBRIC_LOG: Final[LogForm[RubricRecord]] = LogForm(
    RUBRICS, "rubric_publication", rubric_record_of, "plaudit review list"
)
