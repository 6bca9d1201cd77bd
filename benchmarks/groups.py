"""All cases, by group. The cases of a group take turns within a run, so that their ratios mean something."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module

from benchmarks.report import Row


@dataclass(frozen=True)
class Group:
    """Cases that are measured together.

    Attributes:
        module: has `run(repetitions)`, or `run_cases(repetitions, cases)` if `pick` is set.
        about: one sentence for RESULTS.md.
        pick: whether single cases of the group can be run.
    """

    name: str
    module: str
    cases: tuple[str, ...]
    about: str
    pick: bool = False

    def run(self, repetitions: int, cases: tuple[str, ...]) -> list[Row]:
        """Measure the cases. Returns one or more rows for each."""
        module = import_module(self.module)
        rows: list[Row] = module.run_cases(repetitions, cases) if self.pick else module.run(repetitions)
        return rows

    def command(self, cases: tuple[str, ...]) -> str:
        """The command that makes these rows."""
        return f"make bench CASES={','.join(cases)}"


GROUPS = (
    Group(
        "codec", "benchmarks.cases.codec", ("codec",),
        "Decoding Avro to a dict and encoding it, beside bare fastavro.",
    ),
    Group(
        "stream", "benchmarks.cases.stream",
        ("plain-faust", "quix", "kafka-streams", "kafka-streams-tuned", "worker", "two-workers"),
        "Events a second from Kafka to state, the whole job. One topic, 10,000 conversations open at once. "
        "Then what each case costs over the same part of the log: processor time of its own process, of "
        "Valkey and of the broker, and the resident memory of its process at the end.",
        pick=True,
    ),
    Group(
        "breakdown", "benchmarks.cases.breakdown", ("breakdown",),
        "Where the worker's time goes, in microseconds of processor time an event.",
    ),
    Group(
        "typed-messages", "benchmarks.cases.typed_messages", ("typed-messages",),
        "What typed objects in place of the dicts of messages would bring, in microseconds a message.",
    ),
    Group(
        "commit", "benchmarks.cases.commit", ("commit",),
        "What committing batches costs Valkey and the worker, in microseconds of processor time an event.",
    ),
    Group(
        "latency", "benchmarks.cases.latency", ("latency",),
        "The time from Kafka's ack of an event to its state.",
    ),
    Group(
        "takeover", "benchmarks.cases.takeover", ("takeover",),
        "A worker that takes over 48 partitions with 100,000 open conversations.",
    ),
    Group(
        "memory", "benchmarks.cases.memory", ("memory",),
        "The worker's resident memory while it folds a long log.",
    ),
    Group(
        "gateway", "benchmarks.cases.gateway", ("gateway",),
        "Events over HTTP until Kafka has them, beside bare confluent-kafka; and waits of single events.",
    ),
    Group(
        "noisy-page", "benchmarks.cases.noisy_page", ("noisy-page",),
        "One page at full speed for a minute beside others: how long they wait, and the memory of Redis.",
    ),
    Group("sdk", "benchmarks.cases.sdk", ("sdk",), "Typed events from the SDK, beside bare confluent-kafka."),
    Group(
        "integrations", "benchmarks.cases.integrations", ("integrations",),
        "What recording adds to a call of a model: processor time of the calling thread.",
    ),
    Group(
        "replay", "benchmarks.cases.replay", ("replay",),
        "Importing a file, beside the SDK sending the same chats.",
    ),
    Group(
        "sink", "benchmarks.cases.sink", ("sink",),
        "Writing finished conversations to Parquet.",
    ),
    Group(
        "scorer", "benchmarks.cases.scorer", ("scorer",),
        "Answers that models score, from texts to scores, beside the naive way; on CUDA where it works.",
    ),
    Group(
        "scored-line", "benchmarks.cases.scored_line", ("scored-line",),
        "A scorer with the static encoder beside a worker, from Kafka to Kafka.",
    ),
    Group(
        "review-queue", "benchmarks.cases.review_queue", ("review-queue",),
        "A review queue inside Redis: 100,000 open items, of which the reviewer has answered half.",
    ),
)  # fmt: skip


def groups_of(wanted: Iterable[str]) -> Iterator[tuple[Group, tuple[str, ...]]]:
    """The groups that hold the wanted cases, each with those of its cases; everything if none is wanted."""
    names = set(wanted)
    for group in GROUPS:
        cases = tuple(case for case in group.cases if not names or case in names)
        if cases:
            yield group, cases
