"""Collects from one batch all values on which the fold will need a decision."""

from collections.abc import Sequence

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.words import Word

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.metrics.label_collector import LabelCollector
from plaudit_stream_processors.metrics.label_decisions import LabelDecisions


class BatchLabels:
    """The values of one batch, for the decisions of all generations that it belongs to."""

    def __init__(self, decisions: Sequence[LabelDecisions]) -> None:
        self._collector = LabelCollector(decisions)
        # A state may have been collected for it before. With several, it is collected for all of them.
        self._only = decisions[0] if len(decisions) == 1 else None
        self._collected: set[str] = set()

    def collect_event(self, event: Record) -> None:
        """Collect the values of an event."""
        body = event["body"][1]
        if "model" in body or "variants" in body:
            self._collector.collect_body(event["application"], body)
        elif "feedback" in body:
            self._collector.collect_feedback(event["application"], body["feedback"])

    def collect_state(self, state: ConversationState) -> None:
        """Collect what a state holds: a message may take its conversation's model, or have feedback."""
        if state.key in self._collected or (self._only is not None and state.named is self._only):
            return
        collector, application = self._collector, state.application
        collector.collect_application(application)
        collector.collect_body(application, state.facts)
        for slot in state.feedback.values():
            collector.collect_feedback(application, slot["feedback"])
            for word in slot.get("others", ()):
                collector.collect_feedback(application, Word(*word).said)
        state.named = self._only
        if self._only is None:
            self._collected.add(state.key)
