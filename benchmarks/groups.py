"""Which cases there are. A group's cases take turns within one run, so that their ratios mean something."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module

from benchmarks.report import Row


@dataclass(frozen=True)
class Group:
    """Cases that are measured together.

    Attributes:
        module: has `run(repetitions)`, or `run_cases(repetitions, cases)` where the cases can be picked.
        pick: whether they can.
    """

    name: str
    module: str
    cases: tuple[str, ...]
    about: str
    pick: bool = False

    def run(self, repetitions: int, cases: tuple[str, ...]) -> list[Row]:
        """Measure; one row a case, or more."""
        module = import_module(self.module)
        rows: list[Row] = module.run_cases(repetitions, cases) if self.pick else module.run(repetitions)
        return rows

    def command(self, cases: tuple[str, ...]) -> str:
        """What makes these rows."""
        return f"make bench CASES={','.join(cases)}"


GROUPS = (
    Group("codec", "benchmarks.cases.codec", ("codec",), "Avro to dict and back, beside bare fastavro."),
    Group(
        "stream", "benchmarks.cases.stream", ("plain-faust", "quix", "worker", "two-workers"),
        "Events a second from Kafka to state: the whole job. One topic, 10,000 conversations open at once.",
        pick=True,
    ),
    Group(
        "breakdown", "benchmarks.cases.breakdown", ("breakdown",),
        "Where the worker's time goes, as microseconds of processor time an event.",
    ),
    Group("latency", "benchmarks.cases.latency", ("latency",), "From Kafka's ack of an event to its state."),
    Group("memory", "benchmarks.cases.memory", ("memory",), "The worker's resident memory over a long log."),
    Group(
        "gateway", "benchmarks.cases.gateway", ("gateway",),
        "Events over HTTP until Kafka has them, beside bare confluent-kafka; waits of single events.",
    ),
    Group("sdk", "benchmarks.cases.sdk", ("sdk",), "Typed events from the SDK, beside bare confluent-kafka."),
    Group("replay", "benchmarks.cases.replay", ("replay",), "Importing a file, beside the SDK by hand."),
    Group("sink", "benchmarks.cases.sink", ("sink",), "Finished conversations to Parquet, all subsets."),
)  # fmt: skip


def groups_of(wanted: Iterable[str]) -> Iterator[tuple[Group, tuple[str, ...]]]:
    """The groups that hold these cases, each with the cases of it; all for none."""
    names = set(wanted)
    for group in GROUPS:
        cases = tuple(case for case in group.cases if not names or case in names)
        if cases:
            yield group, cases
