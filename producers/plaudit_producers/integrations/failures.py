"""What the record says of an exception."""

from plaudit_producers.model_calls.failure_texts import failure_text


def failure_sentence(error: BaseException) -> str:
    """Say what failed, in one sentence without API keys."""
    if isinstance(error, GeneratorExit):
        return "The stream was closed early."
    if not isinstance(error, Exception):
        return "The call was cancelled."  # a cancelled task, or an interrupt
    return failure_text(type(error).__name__, str(error))
