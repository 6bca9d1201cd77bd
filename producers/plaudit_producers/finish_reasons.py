"""What the finish reason of an answer says of its status: one rule for all that records answers.

An answer is complete if the model ended it itself. It is cut if its end is missing, whatever took it away: a
limit of tokens, a filter, a failure. Only a complete answer is a target of training: from the others a model
would learn to break off.
"""

from typing import Any, Final

from plaudit_schemas.contract.field_types import MessageStatus

_LIMITS: Final = (
    "length model_length max_tokens max_output_tokens model_context_window_exceeded incomplete pause_turn "
    "compaction continuation"
)
_FILTERS: Final = (
    "content_filter content_filtered guardrail_intervened refusal sensitive error_toxic safety recitation "
    "blocklist prohibited_content spii language image_safety"
)
_FAILURES: Final = (
    "error failed network_error timeout error_limit insufficient_system_resource cancelled canceled aborted "
    "abort user_cancel malformed_function_call"
)
"""Instrumentations say some of these themselves, of a stream that ended without a reason."""
_FAILED: Final = frozenset(_FAILURES.split())
_END_MISSING: Final = frozenset((*_LIMITS.split(), *_FILTERS.split(), *_FAILED))


def status_of_reason(reason: Any) -> MessageStatus:
    """The status of an answer that ended for a reason: complete or cut.

    Args:
        reason: in the words of any provider. If it is not known, or None, the answer is complete.
    """
    return "cut" if _word(reason) in _END_MISSING else "complete"


def is_failure(reason: Any) -> bool:
    """Whether a reason says that a call failed, and not why its model stopped."""
    return _word(reason) in _FAILED


def _word(reason: Any) -> str:
    """A reason without what its writers make of it: `FinishReason.MAX_TOKENS`, `content-filter`."""
    text = getattr(reason, "value", reason)
    return text.rpartition(".")[2].lower().replace("-", "_") if isinstance(text, str) else ""
