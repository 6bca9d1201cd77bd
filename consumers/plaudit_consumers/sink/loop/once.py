"""When `--once` is done: when the output has all that Kafka held at the start, whoever wrote it."""

from collections.abc import Set

from plaudit_consumers.sink.loop.backlog import Backlog, refuse_cut_log


class OnceGoal:
    """The ends of the log at the start of `--once`."""

    def __init__(self, backlog: Backlog) -> None:
        """Ask Kafka for the ends.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        self._backlog = backlog
        self._ends = {number: bounds.high for number, bounds in backlog.bounds().items()}

    def missing(self, done: Set[int] = frozenset()) -> dict[int, tuple[int, int]]:
        """Partition -> the position of the output and the end that it must reach, where it has not.

        Args:
            done: partitions that this sink has read to the end and written. The last offsets of a log may
                hold no record, so their position need not reach the end.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            OutputUnavailableError: the output cannot be used at the moment.
            LogChangedError: the log ends before the position of the output.
        """
        bounds = self._backlog.bounds()
        positions = self._backlog.positions(bounds)
        for number, position in positions.items():
            refuse_cut_log(self._backlog.topic.name, number, position, bounds[number].high)
        return {
            number: (positions.get(number, 0), end)
            for number, end in self._ends.items()
            if number not in done and positions.get(number, 0) < end
        }
