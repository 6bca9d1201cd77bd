"""In which series a conversation, or a message with a model of its own, is counted."""

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import Rules
from plaudit_stream_processors.metrics.series import Labels


def series_of(state: ConversationState, given: Entity, event: Event, rules: Rules) -> list[str]:
    """The series of all variants, then one for each arm of an experiment.

    Args:
        given: what names a model or variants of its own: a message, or nothing.
    """
    model = given.get("model") or state.facts.get("model") or {}
    variants = given.get("variants") or state.facts.get("variants") or {}
    base = Labels(
        state.application, model.get("id", ""), model.get("version") or "", "", event.record["source"]
    )
    if not variants:
        return [rules.series_for(base)]
    arms = [base._replace(variant=f"{experiment}:{arm}") for experiment, arm in sorted(variants.items())]
    # Past the cardinality limit two arms may share a series, and nothing counts twice in one.
    return list(dict.fromkeys(rules.series_for(labels) for labels in (base, *arms)))
