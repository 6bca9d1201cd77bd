"""LangSmith's runs and feedback: JSON lines or an array, mixed in one file or each in its own.

Shapes: docs.langchain.com/langsmith/run-data-format and feedback-data-format, and `langsmith.schemas` of its
SDK. A run may hold its `child_runs` and its `feedback`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_schemas.contract.events import TokenUsage
from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.exports import read_members, refuse_repeated, sampled, unwrap
from plaudit_producers.importers.formats import Format, as_text, build_chats, expect
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.scores import SeenNumbers, TraceScore, number_of, text_or_none
from plaudit_producers.importers.source import Source
from plaudit_producers.importers.traces import Call, build_trace, group_by_trace, parts_of

_NAME: Final = "langsmith"
_WRAPPED_IN: Final = ("runs", "feedback", "data")
_THREADS: Final = ("thread_id", "session_id", "conversation_id")
_MODEL_SOURCES: Final = ("model", "auto_eval")
_CORRECTED: Final = ("output", "answer", "response", "text", "content", "result")


def parse_langsmith(record: Any) -> Iterator[Call | TraceScore]:
    record = expect(record, dict, "a record")
    if "key" in record:
        yield _score_of(record)
        return
    if "run_type" not in record:
        raise ValueError("a record must be a run, with a run_type, or feedback, with a key")
    call = _call_of(record)
    yield call
    yield from parts_of(record.get("child_runs") or (), parse_langsmith)
    for feedback in record.get("feedback") or ():
        score = _score_of(expect(feedback, dict, "feedback"), call.id)
        yield score


def _call_of(run: Mapping[str, Any]) -> Call:
    run_id = as_text(run.get("id") or run["run_id"])
    trace = as_text(run.get("trace_id") or run_id)
    whole = run.get("parent_run_id") is None
    kind = (
        "model"
        if run["run_type"] in ("llm", "chat_model")
        else "trace"
        if whole
        else as_text(run["run_type"])
    )
    extra = run.get("extra") or {}
    metadata = extra.get("metadata") or {}
    tags = {name: as_text(metadata[name]) for name in metadata if name not in ("user_id", *_THREADS)}
    if run.get("name"):
        tags["name"] = as_text(run["name"])
    if run.get("tags"):
        tags["tags"] = ", ".join(map(as_text, run["tags"]))
    thread = next((as_text(metadata[name]) for name in _THREADS if metadata.get(name)), None)
    start = (
        {"user_id": text_or_none(metadata.get("user_id")), "session": thread, "tags": tags} if whole else {}
    )
    began = at_time(run.get("start_time"), "start_time")
    return Call(
        run_id,
        trace,
        kind,
        as_text(run.get("dotted_order") or run.get("start_time") or ""),
        run.get("inputs"),
        run.get("outputs"),
        {**start, **(began if whole else {})},
        began,
        {**_answer_of(run, metadata, extra), **at_time(run.get("end_time"), "end_time")},
    )


def _answer_of(
    run: Mapping[str, Any], metadata: Mapping[str, Any], extra: Mapping[str, Any]
) -> dict[str, Any]:
    parameters = extra.get("invocation_params") or {}
    model = metadata.get("ls_model_name") or parameters.get("model") or parameters.get("model_name")
    model = text_or_none(model)
    given, made = run.get("prompt_tokens"), run.get("completion_tokens")
    fields: dict[str, Any] = {"model": model, "parameters": as_text(parameters) if parameters else None}
    if given is not None or made is not None:
        fields["usage"] = TokenUsage(input=given, output=made)
    if run.get("error"):
        fields["status"] = "error"
        fields["metadata"] = {"error": as_text(run["error"])}
    return fields


def _score_of(feedback: Mapping[str, Any], run_id: str | None = None) -> TraceScore:
    about = feedback.get("run_id") or run_id
    if not about:
        raise ValueError("the feedback names no run")
    score, value = feedback.get("score"), feedback.get("value")
    made = TraceScore(
        name=as_text(feedback["key"]),
        about=as_text(about),
        rater=_rater_of(feedback.get("feedback_source") or {}),
        trace=text_or_none(feedback.get("trace_id")),
        own_id=text_or_none(feedback.get("id")),
        comment=feedback.get("comment") or None,
        scale=_scale_of(feedback),
        fields=at_time(feedback.get("modified_at") or feedback.get("created_at"), "created_at"),
    )
    if isinstance(score, bool):
        made.flag = score
    elif score is not None:
        made.number = number_of(score, "score")
    if value is not None and value != score:
        _take_value(made, value)
    if feedback.get("correction"):
        made.correction = _correction_of(feedback["correction"])
        if made.correction is None:  # of a score or a label, and not of the answer
            made.text = as_text(feedback["correction"])
    return made


def _take_value(score: TraceScore, value: Any) -> None:
    if isinstance(value, bool):
        score.flag = value
    elif isinstance(value, int | float) and score.number is None:
        score.number = number_of(value, "value")
    else:
        score.labels = tuple(map(as_text, value)) if isinstance(value, list) else (as_text(value),)


def _rater_of(source: Mapping[str, Any]) -> Rater:
    """People rate in the app, models by evaluators; what comes by the API is what an app's users said."""
    kind, metadata = source.get("type"), source.get("metadata") or {}
    if kind in _MODEL_SOURCES:
        run = metadata.get("__run") or {}
        name = source.get("evaluator_name") or metadata.get("evaluator") or run.get("run_id") or kind
        return Rater(id=as_text(name), kind="model")
    user_id = source.get("user_id") or metadata.get("user_id")
    own = None if user_id is None else as_text(user_id)
    return Rater(id=own or "app", kind="reviewer") if kind == "app" else Rater(id=own)


def _scale_of(feedback: Mapping[str, Any]) -> tuple[float, float] | None:
    config = feedback.get("feedback_config") or (feedback.get("extra") or {}).get("feedback_config") or {}
    least, most = config.get("min"), config.get("max")
    return None if least is None or most is None else (number_of(least, "min"), number_of(most, "max"))


def _correction_of(correction: Any) -> str | None:
    """Return the text that the answer should have been, if the correction holds one."""
    if isinstance(correction, str):
        return correction
    given = expect(correction, dict, "correction")
    found = next((given[name] for name in _CORRECTED if isinstance(given.get(name), str)), None)
    return found if isinstance(found, str) else None


def read_langsmith(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    seen = SeenNumbers()
    members = group_by_trace(
        refuse_repeated(unwrap(read_members(source), _WRAPPED_IN)), parse_langsmith, seen
    )
    yield from build_chats(_NAME, lambda chat, found: build_trace(chat, found[0], seen), members, options)


def _recognise(sample: Sample) -> Recognised | None:
    records = sampled(sample, _WRAPPED_IN)
    runs = [{"run_type", "inputs"} <= record.keys() for record in records]
    words = [{"key", "run_id"} <= record.keys() and "feedback_source" in record for record in records]
    if records and all(run or word for run, word in zip(runs, words, strict=True)):
        return Recognised(0.9, "its records are runs with a run_type, or feedback with a key and a run_id")
    return None


FORMAT = Format(_NAME, "LangSmith: runs and feedback, in one file or in several", read_langsmith, _recognise)
