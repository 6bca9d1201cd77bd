"""Why a judgement, a pair or a unit gives no training row. The data card counts them under these names."""

from typing import Literal

ConversationReason = Literal["erased", "excluded", "consent"]
"""Why nothing of a conversation is used."""
JudgementReason = Literal[
    "not_a_rating", "rater_not_chosen", "aspect_not_chosen", "aspect_not_declared", "aspect_neutral",
    "scale_unknown", "whole_conversation",
]  # fmt: skip
"""Why a judgement is no vote on an answer."""
AnswerReason = Literal[
    "message_not_found", "not_an_answer", "incomplete_answer", "empty_answer", "broken_history",
    "no_question", "orphan", "message_excluded", "attachment", "unknown_role", "prompt_too_long",
    "not_alternating", "arguments_not_json", "call_without_name",
    "tools_not_readable",
]  # fmt: skip
"""Why an answer, or the prompt before it, cannot be a row."""
ComparisonReason = Literal[
    "none_acceptable", "not_ranked", "different_histories", "different_tools", "same_answer"
]
"""Why two answers of a comparison make no pair."""
UnitReason = ConversationReason | JudgementReason | AnswerReason | ComparisonReason
"""Why a judgement is in no unit."""
VoteReason = Literal[
    "unrated", "too_few_raters", "too_little_agreement", "tie", "aspects_disagree",
    "below_threshold", "between_thresholds", "corrected", "empty_answer",
]  # fmt: skip
"""Why the votes on a unit make no row."""
