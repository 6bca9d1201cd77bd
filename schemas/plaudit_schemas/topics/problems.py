"""What is wrong with the live topics: settings that lose data or break a promise. Pure data and functions.

Settings that are not named here delete, rewrite or refuse nothing while those named are in order:
`delete.retention.ms`, `min.compaction.lag.ms` and `max.compaction.lag.ms` act on compacted topics only,
`message.timestamp.before.max.ms` and `message.timestamp.after.max.ms` under CreateTime only, and
`local.retention.ms` and `local.retention.bytes` leave the remote copy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from plaudit_schemas.topics import (
    API_KEYS,
    DEAD_LETTERS,
    EVENTS,
    FINISHED,
    METRICS,
    MODELS,
    RUBRICS,
    SCHEMA_IDS,
    LiveTopic,
    definition,
)

Effect = Literal["risk", "loss", "wrong"]
"""What a problem does. A worker refuses to start with a loss or a wrong, and is not ready while there is one.

risk: records may be lost when a broker fails. It is only a warning.
loss: records are deleted, rewritten or refused. A running worker goes on folding: what it reads is saved.
wrong: whatever is folded now would be wrong for good. A running worker folds nothing until it is mended.
"""

LINE: Final = (EVENTS, FINISHED, DEAD_LETTERS, METRICS)
"""The topics that a worker needs, without prefix."""

_PUBLISHED: Final = (RUBRICS, SCHEMA_IDS, API_KEYS)
"""Topics of which only the replicas are looked at, where they exist: Kafka compacts them."""

_HEADER_BYTES: Final = 64 * 1024
"""Room in a dead letter for its headers, besides the refused record."""

_SNAPSHOT_BYTES: Final = 2**20
"""More than any metric snapshot needs."""


_TWO: Final = 2
_MORE_REPLICAS: Final = (
    'give it three with kafka-reassign-partitions ("One replica" in docs/operations.md), or set '
    "PLAUDIT_ALLOW_ONE_REPLICA=true where the loss of all conversations is acceptable"
)
_ALLOWED: Final = (
    "PLAUDIT_ALLOW_ONE_REPLICA accepts that, as a laptop does; docs/operations.md says how to have three"
)


class TopicProblem(NamedTuple):
    """One thing that is wrong with a topic.

    Attributes:
        topic: with the topic prefix.
        setting: the topic's setting; or `partitions`, `topic id` or `existence`.
        what: what is so, and what comes of it.
        remedy: what to do.
    """

    topic: str
    setting: str
    effect: Effect
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what}; {self.remedy}"


class RecordedLine(NamedTuple):
    """The topics that a state in Redis was made from.

    Attributes:
        partitions: of the events topic; None if no worker has ever started.
        ids: the ids of the events and the finished topic, by name without prefix, as far as they are known.
    """

    partitions: int | None
    ids: Mapping[str, str]


def find_problems(
    topics: Mapping[str, LiveTopic],
    prefix: str,
    needed_retention_ms: int,
    *,
    allow_one_replica: bool = False,
) -> list[TopicProblem]:
    """Every problem of Plaudit's topics.

    Args:
        topics: by full name, those that exist.
        prefix: the topic prefix.
        needed_retention_ms: for how long the log must keep records.
        allow_one_replica: that one broker alone may lose records is only a risk.
    """
    events, finished = topics.get(prefix + EVENTS), topics.get(prefix + FINISHED)
    found: list[TopicProblem] = []
    for name in (*LINE, MODELS):
        topic = topics.get(prefix + name)
        if topic is None and name == MODELS:
            continue  # only scorers need it
        if topic is None:
            effect: Effect = "wrong" if name in (EVENTS, FINISHED) else "loss"
            found.append(
                TopicProblem(
                    prefix + name, "existence", effect, "it does not exist", "run `plaudit topics create`"
                )
            )
            continue
        facts = _Facts(name, topic, needed_retention_ms, _least_bytes(name, events), allow_one_replica)
        found += [TopicProblem(topic.name, *problem) for check in _CHECKS for problem in check(facts)]
    published = [topics[prefix + name] for name in _PUBLISHED if prefix + name in topics]
    for topic in published:
        facts = _Facts(topic.name, topic, needed_retention_ms, 0, allow_one_replica)
        found += [TopicProblem(topic.name, *problem) for problem in _replication(facts)]
    if events is not None and finished is not None and events.partitions != finished.partitions:
        what = f"it has {finished.partitions} partitions, but {events.name} has {events.partitions}"
        remedy = "they must agree; `plaudit topics copy` makes a line with another number"
        found.append(TopicProblem(finished.name, "partitions", "loss", what, remedy))
    return found


def risk_sentences(problems: Iterable[TopicProblem]) -> list[str]:
    """A sentence for each risk, with the topics that share it."""
    topics: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        if problem.effect == "risk":
            topics.setdefault((problem.what, problem.remedy), []).append(problem.topic)
    return [f"{', '.join(names)}: {what}; {remedy}" for (what, remedy), names in topics.items()]


def find_changes(topics: Mapping[str, LiveTopic], prefix: str, recorded: RecordedLine) -> list[TopicProblem]:
    """How the live topics differ from those that the state in Redis was made from."""
    found: list[TopicProblem] = []
    events = topics.get(prefix + EVENTS)
    if events is not None and recorded.partitions not in (None, events.partitions):
        what = (
            f"it has {events.partitions} partitions, but the state in Redis was begun with "
            f"{recorded.partitions}, so keys lead to partitions without their state"
        )
        remedy = "go on with new topics that `plaudit topics copy` makes, and another PLAUDIT_REDIS_PREFIX"
        found.append(TopicProblem(events.name, "partitions", "wrong", what, remedy))
    for name, known in recorded.ids.items():
        live = topics.get(prefix + name)
        if live is not None and live.id and known and live.id != known:
            what = f"it was made anew: its id is {live.id}, and the state in Redis belongs to {known}"
            remedy = "stop the workers and run `plaudit state reset`, which deletes that state"
            found.append(TopicProblem(live.name, "topic id", "wrong", what, remedy))
    return found


def kept_ms(config: Mapping[str, str]) -> int:
    """How long a record may stay in a topic, in ms; 0 is forever."""
    retention = retention_ms(config)
    # Kafka deletes whole segments, so a record may stay for the time of its segment longer.
    return retention and retention + _number(config, "segment.ms", 0)


def retention_ms(config: Mapping[str, str]) -> int:
    """How long a topic surely keeps a record, in ms; 0 is forever."""
    return max(0, _number(config, "retention.ms", -1))


class _Facts(NamedTuple):
    name: str
    topic: LiveTopic
    needed_retention_ms: int
    least_bytes: int
    allow_one_replica: bool


_Found = Iterator[tuple[str, Effect, str, str]]
"""The setting, the effect, what is so, and what to do."""


def _least_bytes(name: str, events: LiveTopic | None) -> int:
    """The least `max.message.bytes` of a topic."""
    if name == METRICS:
        return _SNAPSHOT_BYTES
    defined = int(definition(name).config["max.message.bytes"])
    if name != DEAD_LETTERS or events is None:
        return defined
    # A dead letter holds the whole record, whatever this events topic takes.
    return max(defined, _number(events.config, "max.message.bytes", 0) + _HEADER_BYTES)


def _timestamps(facts: _Facts) -> _Found:
    kind = facts.topic.config.get("message.timestamp.type")
    if kind != "LogAppendTime":
        # In the events, the wrong clock of one producer would expire conversations for good.
        effect: Effect = "wrong" if facts.name in (EVENTS, MODELS) else "loss"
        decided = "which model is active" if facts.name == MODELS else "expiry and retention"
        what = f"message.timestamp.type is {kind}, so producers' clocks decide about {decided}"
        yield "message.timestamp.type", effect, what, "set message.timestamp.type=LogAppendTime"


def _compaction(facts: _Facts) -> _Found:
    policy = facts.topic.config.get("cleanup.policy", "delete")
    if facts.name == MODELS and "delete" in policy:
        what = f"cleanup.policy is {policy}, so Kafka deletes publications, and nobody knows what was active"
        yield "cleanup.policy", "loss", what, "set cleanup.policy=compact"
    if facts.name not in (METRICS, MODELS) and "compact" in policy:
        what = f"cleanup.policy is {policy}, so Kafka deletes all but the last record of each key"
        yield "cleanup.policy", "loss", what, "set cleanup.policy=delete"


def _retention(facts: _Facts) -> _Found:
    config = facts.topic.config
    if facts.name in (METRICS, MODELS):
        return
    size = _number(config, "retention.bytes", -1)
    if size >= 0:
        what = f"retention.bytes is {size}, so Kafka deletes records however new they are"
        yield "retention.bytes", "loss", what, "set retention.bytes=-1"
    kept, needed = _number(config, "retention.ms", -1), facts.needed_retention_ms
    if 0 <= kept < needed:
        what = (
            f"it keeps records for {kept} ms, but PLAUDIT_STATE_RETENTION_HOURS and "
            f"PLAUDIT_LONGEST_OPEN_HOURS need {needed} ms"
        )
        yield "retention.ms", "loss", what, "raise retention.ms or lower these settings"


def _size(facts: _Facts) -> _Found:
    least = facts.least_bytes
    largest = _number(facts.topic.config, "max.message.bytes", least)
    if largest < least:
        what = f"it takes records of at most {largest} bytes, but a record may have {least}"
        yield "max.message.bytes", "loss", what, f"set max.message.bytes={least}"


def _one_order(facts: _Facts) -> _Found:
    if facts.name == MODELS and facts.topic.partitions != 1:
        what = f"it has {facts.topic.partitions} partitions, so its publications have no order"
        yield "partitions", "wrong", what, "make it anew with one partition, and publish the models again"


def _replication(facts: _Facts) -> _Found:
    replicas = facts.topic.replicas
    in_sync = _number(facts.topic.config, "min.insync.replicas", 1)
    if in_sync > replicas > 0:
        what = f"min.insync.replicas is {in_sync} of {replicas} replicas, so Kafka refuses every record"
        yield "min.insync.replicas", "loss", what, f"set min.insync.replicas={max(1, replicas - 1)}"
    alone: Effect = "risk" if facts.allow_one_replica else "loss"
    if replicas == 1:
        what = "there is one replica, so every record is lost with one broker or its disk"
        yield "replication.factor", alone, what, _ALLOWED if facts.allow_one_replica else _MORE_REPLICAS
    if replicas > 1 and in_sync == 1:  # with a single replica, as on a laptop, it says nothing
        what = "min.insync.replicas is 1, so a record may be lost with the one broker that acknowledged it"
        # With two replicas, 2 would refuse every record while one of their brokers restarts.
        effect: Effect = alone if replicas > _TWO else "risk"
        yield "min.insync.replicas", effect, what, "set min.insync.replicas=2 (with 3 replicas or more)"
    if replicas > 1 and facts.topic.config.get("unclean.leader.election.enable") == "true":
        what = "a broker that lacks acknowledged records may become the leader, and then they are lost"
        yield "unclean.leader.election.enable", "risk", what, "set unclean.leader.election.enable=false"


def _remote_storage(facts: _Facts) -> _Found:
    config = facts.topic.config
    enabled = config.get("remote.storage.enable") == "true"
    if enabled and config.get("remote.log.delete.on.disable") == "true":
        what = "whoever turns remote storage off deletes every record in it"
        yield "remote.log.delete.on.disable", "risk", what, "set remote.log.delete.on.disable=false"


_CHECKS: Final[tuple[Callable[[_Facts], _Found], ...]] = (
    _timestamps, _compaction, _retention, _size, _one_order, _replication, _remote_storage,
)  # fmt: skip


def _number(config: Mapping[str, str], setting: str, default: int) -> int:
    value = config.get(setting, "")
    return int(value) if value.removeprefix("-").isdigit() else default
