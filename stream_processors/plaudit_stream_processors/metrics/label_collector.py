"""Collects the values of a batch on which decisions are needed (metrics.label_limit)."""

from collections.abc import Collection
from typing import Any

from plaudit_schemas.contract.ratings import aspect_vote, is_score

from plaudit_stream_processors.metrics.label_decisions import LabelDecisions
from plaudit_stream_processors.metrics.series import label_value, model_value


class LabelCollector:
    """Collects the values of events and states, for the decisions of all generations of a batch."""

    def __init__(self, opened: Collection[LabelDecisions]) -> None:
        self._opened = opened

    def collect_application(self, application: str) -> None:
        """Keep an application."""
        self._want("application", "", application)

    def collect_body(self, application: str, body: dict[str, Any]) -> None:
        """Keep the model and the variants of an event's body, or of a conversation's facts."""
        model = body.get("model")
        if model:
            self._want("model", application, model_value(model["id"], model.get("version") or ""))
        for experiment, arm in (body.get("variants") or {}).items():
            self._want("variant", application, f"{experiment}:{arm}")

    def collect_feedback(self, application: str, feedback: dict[str, Any]) -> None:
        """Keep the aspect of a feedback, its labels and its scorer."""
        if is_score(feedback):
            rater = feedback["rater"]
            value = model_value(rater.get("id") or "", rater.get("version") or "")
            self._want("scorer", application, value)
        vote = aspect_vote(feedback)
        if vote is None:
            return
        aspect = feedback["aspect"]
        self._want("aspect", application, aspect)
        for label in vote[1] if isinstance(vote[1], list) else ():
            self._want("label", application, label_value(aspect, label))

    def _want(self, kind: str, application: str, value: str) -> None:
        for decisions in self._opened:
            decisions.want(kind, application, value)
