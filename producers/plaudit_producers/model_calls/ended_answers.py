"""The status of an answer: the same for every integration that sees it."""

from typing import Any

from plaudit_producers.finish_reasons import is_failure, status_of_reason
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.json_messages import as_text


def ended_answer(message: CallMessage, reason: Any = None, failure: str | None = None) -> CallAnswer:
    """An answer that has ended.

    Args:
        reason: why it ended. Without one it is complete, unless its call failed.
        failure: a sentence that says why the call failed; None if it did not. An answer that had ended for a
            reason before is whole all the same: the call may have made several.
    """
    if is_failure(reason) or (failure is not None and not reason):
        said = message.content or message.tool_calls or message.reasoning
        return CallAnswer(message, "cut" if said else "error", error=failure)
    return CallAnswer(message, status_of_reason(reason), as_text(reason) if reason else None)
