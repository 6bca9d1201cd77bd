"""In which series a conversation, or a message with a model of its own, is counted."""

from plaudit_stream_processors.fold.conversation import Conversation, Entity
from plaudit_stream_processors.fold.events import Event
from plaudit_stream_processors.fold.rules import Rules
from plaudit_stream_processors.metrics.series import Labels


def series_of(state: Conversation, said: Entity, event: Event, rules: Rules) -> list[str]:
    """The series of all variants, then one for each experiment's arm."""
    model = said.get("model") or state.facts.get("model") or {}
    variants = said.get("variants") or state.facts.get("variants") or {}
    base = Labels(
        state.application, model.get("id", ""), model.get("version") or "", "", event.record["source"]
    )
    if not variants:
        return [rules.admit(base)]
    arms = [f"{experiment}:{arm}" for experiment, arm in sorted(variants.items())]
    # Two arms may share a series past the cardinality limit; a thing counts once in each series.
    return list(
        dict.fromkeys([rules.admit(base), *(rules.admit(base._replace(variant=arm)) for arm in arms)])
    )
