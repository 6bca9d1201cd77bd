"""Simulated events to where they go, each when it is due."""

from collections import Counter
from collections.abc import Callable

from plaudit_producers._clock import Clock
from plaudit_producers._sinks import Sink
from plaudit_producers.simulator.scenario import Scenario
from plaudit_producers.simulator.traffic import simulate


def run(
    scenario: Scenario,
    sink: Sink,
    *,
    clock: Clock | None = None,
    wait: bool = True,
    progress: Callable[[Counter[str]], None] | None = None,
) -> Counter[str]:
    """Send a scenario's events; returns their number by body, when the last was accepted.

    Args:
        sink: a FeedbackProducer, which should block for room, or its fake.
        wait: for each event's time; otherwise all are sent at once, and lie in the future.
        progress: called after each event.

    Raises what the sink's `send_packed` raises.
    """
    clock = clock or Clock()
    sent: Counter[str] = Counter()
    began = clock.monotonic()
    for due, record in simulate(scenario, clock.micros()):
        late = began + due - clock.monotonic()
        if wait and late > 0:
            clock.sleep(late)
        sink.send_packed(sink.pack(record))
        sent[record["body"][0].rpartition(".")[2]] += 1
        if progress is not None:
            progress(sent)
    return sent
