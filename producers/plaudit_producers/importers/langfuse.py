"""Langfuse's traces, observations and scores: of its API, its pages and its exports to blob storage.

Shapes: langfuse.com/docs/evaluation/scores/data-model and
langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields, where names have underscores, and
input and output are JSON within a text. A trace may hold its `observations` and its `scores`. If
`score_configs.json` lies beside the file, it says the scales.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_schemas.contract.events import TokenUsage
from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.errors import NotFoundError

from plaudit_producers.importers.exports import read_members, refuse_repeated, sampled, unwrap
from plaudit_producers.importers.formats import Format, as_text, build_chats, expect
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.scores import Scale, SeenNumbers, TraceScore, number_of, text_or_none
from plaudit_producers.importers.source import Source
from plaudit_producers.importers.traces import Call, build_trace, group_by_trace, parts_of

_NAME: Final = "langfuse"
_WRAPPED_IN: Final = ("data", "traces")
_CONFIGS: Final = "score_configs.json"
_MODEL_TYPES: Final = ("GENERATION", "generation")
_SOURCES: Final = ("ANNOTATION", "API", "EVAL")


class Fields:
    """The fields of a record, by the API's names; an export to blob storage has them with underscores."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: str) -> Any:
        """Return a field's value, or None if it is not there or says nothing."""
        for key in (name, _underscored(name)):
            if key in self._record and self._record[key] not in (None, ""):
                return self._record[key]
        return None

    def has(self, *names: str) -> bool:
        """Whether all fields are there, without reading them."""
        return all(name in self._record or _underscored(name) in self._record for name in names)


def _underscored(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class LangfuseParser:
    """Reads records.

    Args:
        scales: of the configurations of scores, by id and by name.
    """

    def __init__(self, scales: Mapping[str, Scale]) -> None:
        self._scales = scales

    def __call__(self, record: Any) -> Iterator[Call | TraceScore]:
        record = expect(record, dict, "a record")
        fields = Fields(record)
        if isinstance(record.get("trace"), dict):  # a trace that was downloaded, with its parts beside it
            yield from self(record["trace"])
        elif fields.has("dataType") or (fields.has("name", "value") and fields.has("source")):
            yield self._score_of(fields)
            return
        elif fields.has("traceId", "type"):
            yield _observation_of(fields)
        elif fields.has("id", "input", "output") or fields.has("id", "timestamp"):
            yield _trace_of(fields)
        else:
            raise ValueError(
                "a record must be a trace, an observation with a type, or a score with a dataType"
            )
        yield from parts_of(record.get("observations") or (), self)
        yield from parts_of((each for each in record.get("scores") or () if isinstance(each, dict)), self)

    def _score_of(self, fields: Fields) -> TraceScore:
        trace = fields.get("traceId")
        about = fields.get("observationId") or trace
        if about is None:
            raise ValueError(
                f"score {fields.get('name')} is of a session or a dataset run, and not of a trace"
            )
        name, kind = as_text(fields["name"]), fields.get("dataType") or "NUMERIC"
        score = TraceScore(
            name=name,
            about=as_text(about),
            rater=_rater_of(fields, name),
            trace=None if trace is None else as_text(trace),
            own_id=text_or_none(fields.get("id")),
            comment=fields.get("comment"),
            scale=self._scales.get(fields.get("configId") or "", self._scales.get(name)),
            fields=at_time(fields.get("timestamp") or fields.get("createdAt"), "timestamp"),
        )
        text = fields.get("longStringValue") or fields.get("stringValue")
        value = fields.get("value")
        if kind == "NUMERIC":
            score.number = number_of(value, "value")
        elif kind == "BOOLEAN":
            score.flag = bool(number_of(value, "value") if not isinstance(value, bool) else value)
        elif kind == "CATEGORICAL":
            score.labels = (as_text(text if text is not None else value),)
        elif kind == "CORRECTION":
            score.correction = as_text(text if text is not None else value)
        elif kind == "TEXT":
            score.text = as_text(text if text is not None else value)
        else:
            raise ValueError(f"dataType {kind!r} is not known")
        return score


def _trace_of(fields: Fields) -> Call:
    trace_id = as_text(fields["id"])
    tags = {
        name: as_text(fields[name])
        for name in ("name", "release", "version", "environment")
        if fields.get(name)
    }
    if fields.get("tags"):
        tags["tags"] = ", ".join(map(as_text, fields["tags"]))
    for name, value in _object(fields.get("metadata")).items():
        tags.setdefault(name, as_text(value))
    at = at_time(fields.get("timestamp"), "timestamp")
    start = {
        "user_id": text_or_none(fields.get("userId")),
        "session": text_or_none(fields.get("sessionId")),
        "tags": tags,
        **at,
    }
    return Call(trace_id, trace_id, "trace", "", fields.get("input"), fields.get("output"), start, at, {})


def _observation_of(fields: Fields) -> Call:
    kind = fields["type"]
    began = at_time(fields.get("startTime"), "startTime")
    # Enriched observations carry what their trace knows.
    facts = {"user_id": text_or_none(fields.get("userId")), "session": text_or_none(fields.get("sessionId"))}
    answer: dict[str, Any] = {"model": text_or_none(fields.get("model") or fields.get("providedModelName"))}
    usage = _object(fields.get("usageDetails") or fields.get("usage"))
    if usage.get("input") is not None or usage.get("output") is not None:
        answer["usage"] = TokenUsage(input=_count(usage.get("input")), output=_count(usage.get("output")))
    parameters = fields.get("modelParameters")
    if parameters:
        answer["parameters"] = as_text(parameters)
    if fields.get("promptName"):
        answer["prompt"] = {"id": fields["promptName"], "version": text_or_none(fields.get("promptVersion"))}
    if fields.get("level") == "ERROR":
        answer["status"] = "error"
    return Call(
        as_text(fields["id"]),
        as_text(fields["traceId"]),
        "model" if kind in _MODEL_TYPES else as_text(kind),
        as_text(fields.get("startTime") or ""),
        fields.get("input"),
        fields.get("output"),
        {name: value for name, value in facts.items() if value is not None},
        began,
        {**answer, **at_time(fields.get("endTime"), "endTime")},
    )


def _rater_of(fields: Fields, name: str) -> Rater:
    """People annotate, models evaluate; what comes by the API is what an app's users said."""
    source = fields.get("source") or "API"
    if source not in _SOURCES:
        raise ValueError(f"source must be one of {', '.join(_SOURCES)}, not {source!r}")
    author = fields.get("authorUserId")
    if source == "EVAL":
        return Rater(id=as_text(fields.get("evaluatorId") or name), kind="model")
    if source == "ANNOTATION":
        return Rater(id=as_text(author or "annotation"), kind="reviewer")
    user_id = author or _object(fields.get("metadata")).get("userId")
    return Rater(id=text_or_none(user_id))


def _object(value: Any) -> Mapping[str, Any]:
    """Return an object, also one that is JSON within a text; anything else is an empty one."""
    if isinstance(value, str):
        try:
            value = parse_json(value.encode())
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def read_scales(source: Source) -> dict[str, Scale]:
    """Read the scales of scores from the configurations beside a file, by id and by name.

    Raises:
        ValueError: the configurations cannot be read.
    """
    try:
        with source.beside(_CONFIGS) as beside:
            configs = parse_json(b"".join(iter(beside.read, b"")))
    except NotFoundError:
        return {}
    found: dict[str, Scale] = {}
    for config in expect(configs.get("data") if isinstance(configs, dict) else configs, list, "the file"):
        fields = Fields(expect(config, dict, "a configuration"))
        least, most = fields.get("minValue"), fields.get("maxValue")
        if least is not None and most is not None:
            scale = number_of(least, "minValue"), number_of(most, "maxValue")
            found |= {as_text(fields.get(name)): scale for name in ("id", "name")}
    return found


def read_langfuse(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    seen, scales = SeenNumbers(), dict[str, Scale]()
    try:
        scales = read_scales(source)
    except ValueError as error:
        yield BadRecord(Place(1, 1), f"{_CONFIGS} beside the file cannot be used: {error}")
    members = group_by_trace(
        refuse_repeated(unwrap(read_members(source), _WRAPPED_IN)), LangfuseParser(scales), seen
    )
    yield from build_chats(_NAME, lambda chat, found: build_trace(chat, found[0], seen), members, options)


def _recognise(sample: Sample) -> Recognised | None:
    records = [Fields(record) for record in sampled(sample, _WRAPPED_IN)]
    if records and all(_looks_right(fields) for fields in records):
        return Recognised(0.9, "its records are traces, observations and scores of Langfuse")
    return None


def _looks_right(fields: Fields) -> bool:
    is_score = fields.has("dataType", "source", "name")
    is_observation = fields.has("traceId", "type", "startTime")
    is_trace = fields.has("id", "timestamp", "input", "output") and fields.has("sessionId", "userId")
    return is_score or is_observation or is_trace or fields.has("observations", "scores")


FORMAT = Format(
    _NAME,
    f"Langfuse: traces, observations and scores, with {_CONFIGS} beside the file if there is one",
    read_langfuse,
    _recognise,
)
