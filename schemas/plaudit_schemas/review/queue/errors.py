"""What a queue refuses."""

from plaudit_schemas.errors import PlauditError


class QueueError(PlauditError):
    """A queue of reviews refused a call. Nothing was changed."""


class QueueGapError(QueueError):
    """A batch begins after the queue's position: Redis has lost what was applied before."""


class QueueNotReadyError(QueueError):
    """The queue is being built from the log, so it may not know yet what a reviewer has answered."""


class QueueAnswersError(QueueError):
    """Answers are empty, or not JSON."""
