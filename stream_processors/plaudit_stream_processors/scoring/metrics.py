"""Every Prometheus metric of the scorer. Labels are bounded by partitions, reasons and published versions."""

from collections.abc import Sequence
from typing import Final

from plaudit_schemas.models.scores import AnswerModel, Score
from plaudit_schemas.service.metrics import Metric

from plaudit_stream_processors.running.follower_metrics import FollowerMetrics, follower_metrics
from plaudit_stream_processors.scoring.answers import SKIP_REASONS, Skips
from plaudit_stream_processors.scoring.inference import Usage

_DELAYS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)

_OWN: Final[tuple[Metric, ...]] = (
    Metric(
        "plaudit_scorer_scores_total", "counter", "Scores sent, by model and version.", ("model", "version")
    ),
    Metric("plaudit_scorer_cut_total", "counter", "Scores of texts that were cut to what the model takes."),
    Metric(
        "plaudit_scorer_skipped_total",
        "counter",
        "Assistant messages without a score, by reason.",
        ("reason",),
        values=(SKIP_REASONS,),
    ),
    Metric("plaudit_scorer_tokens_total", "counter", "Tokens that the model was given, padding left out."),
    Metric(
        "plaudit_scorer_padding_tokens_total", "counter", "Tokens of padding that it was given beside them."
    ),
    Metric(
        "plaudit_scorer_inference_seconds_total", "counter", "Seconds spent in the tokenizer and the model."
    ),
    Metric(
        "plaudit_scorer_answer_to_score_seconds",
        "histogram",
        "Seconds from the broker's timestamp of an answer to Kafka's acknowledgement of its score.",
        buckets=_DELAYS,
    ),
    Metric(
        "plaudit_scorer_loaded_model",
        "gauge",
        "1 for each version in memory, with what it runs on.",
        ("model", "version", "provider"),
    ),
    Metric(
        "plaudit_scorer_unusable_publications",
        "gauge",
        "Publications that this scorer needs and cannot load, or cannot read.",
    ),
    Metric(
        "plaudit_scorer_unwanted_provider",
        "gauge",
        "1 while models run on the CPU although ONNX Runtime for CUDA is installed.",
    ),
)
_PREFIX: Final = "plaudit_scorer"
SCORER_METRICS: Final = (*_OWN, *follower_metrics(_PREFIX, "scorer"))


class ScorerMetrics(FollowerMetrics):
    """The scorer's metrics. They count what Kafka has acknowledged."""

    def __init__(self) -> None:
        super().__init__(_PREFIX, "scorer", _OWN)
        self._usage = Usage(0.0, 0, 0)

    def count_score(self, model: str, version: str, score: Score, delay_s: float) -> None:
        """Count a score that was acknowledged.

        Args:
            delay_s: seconds since the broker took the answer.
        """
        self.counter("plaudit_scorer_scores_total", model, version).inc()
        if score.cut:
            self.counter("plaudit_scorer_cut_total").inc()
        self.histogram("plaudit_scorer_answer_to_score_seconds").observe(max(0.0, delay_s))

    def count_skips(self, skips: Skips) -> None:
        """Count assistant messages that got no score."""
        for reason, count in skips.items():
            self.counter("plaudit_scorer_skipped_total", reason).inc(count)

    def show_usage(self, usage: Usage) -> None:
        """Bring the counters of the model's work up to date."""
        for name, now, before in zip(_USAGE, usage, self._usage, strict=True):
            self.counter(name).inc(now - before)
        self._usage = usage

    def show_models(self, models: Sequence[AnswerModel], unusable: Sequence[str]) -> None:
        """Show the models in memory, and the number of publications that cannot be used."""
        self.clear("plaudit_scorer_loaded_model")
        for model in models:
            self.gauge("plaudit_scorer_loaded_model", model.name, model.version, model.provider).set(1)
        self.begin("plaudit_scorer_scores_total", [(model.name, model.version) for model in models])
        self.gauge("plaudit_scorer_unusable_publications").set(len(unusable))


_USAGE: Final = (
    "plaudit_scorer_inference_seconds_total",
    "plaudit_scorer_tokens_total",
    "plaudit_scorer_padding_tokens_total",
)
"""The counters of a Usage, in its order."""
