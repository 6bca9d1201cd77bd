"""Names the series in which a conversation, or a message with its own model or variants, is counted."""

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import Rules
from plaudit_stream_processors.metrics.series import Labels


def series_of(state: ConversationState, given: Entity, event: Event, rules: Rules) -> list[str]:
    """The series of all variants, then one for each arm of an experiment.

    Args:
        given: a message with its own model or variants, which win over the conversation's; or an empty dict.
    """
    model = given.get("model") or state.facts.get("model") or {}
    variants = given.get("variants") or state.facts.get("variants") or {}
    series_for = rules.names(event.arrived_ms).series_for
    base = Labels(
        state.application, model.get("id", ""), model.get("version") or "", "", event.record["source"]
    )
    if not variants:
        return [series_for(base)]
    arms = [base._replace(variant=f"{experiment}:{arm}") for experiment, arm in sorted(variants.items())]
    # Past the cardinality limit two arms may both be `other`; nothing may count twice in that series.
    return list(dict.fromkeys(series_for(labels) for labels in (base, *arms)))
