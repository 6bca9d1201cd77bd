"""What the page refuses, and how the browser tells it apart (docs/review-api.md)."""

from typing import Final, Literal

RefusalCode = Literal[
    "sign_in",
    "role",
    "not_allowed",
    "no_queue",
    "no_item",
    "lost",
    "taken",
    "replaced",
    "nothing_to_undo",
    "agreed",
    "too_large",
    "answers",
    "request",
    "kafka",
    "redis",
    "rebuilding",
]

_STATUS: Final[dict[RefusalCode, int]] = {
    "sign_in": 403,
    "role": 403,
    "not_allowed": 403,
    "no_queue": 404,
    "no_item": 404,
    "lost": 409,
    "taken": 409,
    "replaced": 409,
    "nothing_to_undo": 409,
    "agreed": 409,
    "too_large": 413,
    "answers": 422,
    "request": 422,
    "kafka": 503,
    "redis": 503,
    "rebuilding": 503,
}
RETRY_AFTER_S: Final = 2
REBUILDING: Final = "The queue is being rebuilt; try again in a moment. Nothing that you wrote is lost."


class ReviewRefusal(Exception):  # noqa: N818  # an answer to the browser
    """A request that is not done. Its text is a sentence that says what to do.

    Attributes:
        code: for programs.
        question: the question that the refusal is about; None if it is about no single one.
    """

    def __init__(self, code: RefusalCode, detail: str, *, question: str | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.question = code, detail, question

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS[self.code]
