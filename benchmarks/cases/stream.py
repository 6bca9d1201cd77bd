"""Kafka to state: the worker and its peers, on one topic, taking turns.

The worker and the plain agent do the whole job: decode, keep state and counters in Valkey, send finished
conversations to Kafka. Quix decodes, and folds into state in its RocksDB. Kafka Streams
(`benchmarks/cases/kafka_streams.py`) decodes, folds, counts for each model, and sends finished conversations.
Peers that would take longer are measured over 60 s of work (docs/decisions/0012). All but the plain agent are
measured from the same event on (docs/decisions/0088).
"""

import shutil
import sys
import uuid
from collections.abc import Callable

import redis

from benchmarks.cases.kafka_streams import KafkaStreams
from benchmarks.measuring import Measurement, Span, measure, number_in, warm_span
from benchmarks.report import Row, paired, row
from benchmarks.stage import ROOT, Stage, event_count, stage, start, stop
from benchmarks.streams_peer import MAIN_CLASSES

_PEER_LIMIT_S, _WORKER_LIMIT_S = 60.0, 600.0
_PEERS = ROOT / "benchmarks" / "peers"
_COSTS = {"process": "own processor time", "Valkey": "Valkey", "broker": "broker"}
Found = dict[str, list[Measurement]]


def run_cases(repetitions: int, cases: tuple[str, ...]) -> list[Row]:
    """Events a second of each case, the worker's ratio to each peer, and what each case costs."""
    found: Found = {case: [] for case in cases}
    with stage() as servers:
        size = servers.fill(event_count())
        print(f"{event_count():,} events of {size:.0f} bytes on average", flush=True)
        measurements = _measurements(servers, cases)
        for _ in range(repetitions):
            for case in cases:
                servers.forget()
                found[case].append(measurements[case]())
                print(f"{case}: {found[case][-1].rate:,.0f} events/s", flush=True)
    return rows_of(found)


def rows_of(found: Found) -> list[Row]:
    """The rates with their ratios to the plain agent, the worker beside each peer, then the costs."""
    rates = {case: [each.rate for each in measured] for case, measured in found.items()}
    base = ("plain-faust", rates["plain-faust"]) if "plain-faust" in rates else None
    rows = [
        row(case, "events/s", values, None if case == "plain-faust" else base)
        for case, values in rates.items()
    ]
    if "worker" in rates:
        rows += [
            paired(f"worker / {case}", rates["worker"], values)
            for case, values in rates.items()
            if "worker" not in case
        ]
    for case, measured in found.items():
        rows += [
            row(f"{case}: {what}", "us/event", [each.microseconds[name] for each in measured])
            for name, what in _COSTS.items()
        ]
        rows.append(row(f"{case}: memory", "MiB", [each.memory_mib for each in measured]))
    return rows


def _measurements(servers: Stage, cases: tuple[str, ...]) -> dict[str, Callable[[], Measurement]]:
    known: dict[str, Callable[[], Measurement]] = {
        "plain-faust": lambda: _plain_faust(servers),
        "quix": lambda: _quix(servers),
        "worker": lambda: _workers(servers, 1),
        "two-workers": lambda: _workers(servers, 2),
    }
    if any(case in MAIN_CLASSES for case in cases):
        streams = KafkaStreams(servers)
        known |= {case: lambda case=case: streams.measured(case) for case in MAIN_CLASSES}  # type: ignore[misc]
    return known


def _workers(servers: Stage, count: int) -> Measurement:
    run = uuid.uuid4().hex[:8] + "."
    processes = [servers.worker(run) for _ in range(count)]
    try:
        span = warm_span(event_count(), _WORKER_LIMIT_S)
        return measure(lambda: servers.committed(run), span, processes, servers.pids)
    finally:
        for process in processes:
            stop(process)


def _plain_faust(servers: Stage) -> Measurement:
    run = uuid.uuid4().hex[:8]
    process = start(
        [sys.executable, str(_PEERS / "plain_faust.py"), "worker", "-l", "error", "--without-web"],
        {**servers.environment(run), "BENCH_TOPIC": servers.topic},
        servers.folder / f"faust-{run}.log",
    )

    def progress() -> int:
        with redis.Redis.from_url(servers.valkey) as client:
            return int(client.get(f"{run}:events") or 0)

    try:
        # It would take minutes to fold the events after which the others are measured.
        return measure(progress, Span(1, event_count(), _PEER_LIMIT_S), [process], servers.pids)
    finally:
        stop(process)


def _quix(servers: Stage) -> Measurement:
    run, uv = uuid.uuid4().hex[:8], shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    done = servers.folder / f"quix-{run}.done"
    process = start(
        [uv, "run", "--script", "--frozen", str(_PEERS / "quix.py")],
        {
            **servers.environment(run), "BENCH_TOPIC": servers.topic, "BENCH_DONE": str(done),
            "BENCH_STATE": str(servers.folder / f"quix-{run}"),
        },
        servers.folder / f"quix-{run}.log",
    )  # fmt: skip
    try:
        # It reports its progress at every hundredth event only.
        span = warm_span(event_count() // 100 * 100, _PEER_LIMIT_S)
        return measure(lambda: number_in(done), span, [process], servers.pids)
    finally:
        stop(process)
