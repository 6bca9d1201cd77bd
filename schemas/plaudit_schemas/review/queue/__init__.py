"""The queue of one rubric version in Redis: what the log makes of it, and what reviewers do to it.

Read `store` first, then `shared.lua`, which says what is kept under which key.
"""

from plaudit_schemas.review.queue.errors import (
    QueueAnswersError,
    QueueError,
    QueueGapError,
    QueueNotReadyError,
)
from plaudit_schemas.review.queue.store import ReviewQueue

__all__ = ["QueueAnswersError", "QueueError", "QueueGapError", "QueueNotReadyError", "ReviewQueue"]
