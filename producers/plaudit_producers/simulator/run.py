"""Send simulated events, each when it is due."""

from collections import Counter
from collections.abc import Callable

from plaudit_schemas.contract.names import short_name

from plaudit_producers.clock import Clock
from plaudit_producers.destinations import Destination
from plaudit_producers.simulator.scenario import Scenario
from plaudit_producers.simulator.traffic import simulate


def run_scenario(
    scenario: Scenario,
    destination: Destination,
    *,
    clock: Clock | None = None,
    wait: bool = True,
    progress: Callable[[Counter[str]], None] | None = None,
) -> Counter[str]:
    """Send a scenario's events. Returns their number by body, once the last one is accepted.

    Args:
        destination: a FeedbackProducer, which should have `when_full="block"`, or its fake.
        wait: wait until each event is due. Otherwise all are sent at once, with times in the future.
        progress: called after each event.

    Raises the errors of the destination's `send_packed`.
    """
    clock = clock or Clock()
    sent: Counter[str] = Counter()
    began = clock.monotonic()
    for due, record in simulate(scenario, clock.micros()):
        late = began + due - clock.monotonic()
        if wait and late > 0:
            clock.sleep(late)
        destination.send_packed(destination.pack(record))
        sent[short_name(record["body"][0])] += 1
        if progress is not None:
            progress(sent)
    return sent
