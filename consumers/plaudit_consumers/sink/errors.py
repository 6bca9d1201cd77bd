"""Errors of the sink.

PlauditError
├── OutputError                 the output cannot be used as it is
│   ├── ForeignFileError        a file in it is damaged, or no sink wrote it
│   └── OutputUnavailableError  it cannot be written at the moment: disk full, object store unreachable
├── SinkFencedError             another sink has taken the partition
├── SinkGroupError              the consumer group has members that it must not have, or refuses this one
├── UnfinishedError             `--once` ended before everything was written
└── LogChangedError             the topic is not the one that the output was made from
"""

from plaudit_schemas.errors import PlauditError


class OutputError(PlauditError):
    """The output cannot be used as it is: no permission, a wrong URL, no conditional writes."""


class ForeignFileError(OutputError):
    """A file in the output is damaged, or no sink wrote it."""


class OutputUnavailableError(OutputError):
    """The output cannot be written at the moment; the sink waits and tries again."""


class SinkFencedError(PlauditError):
    """Another sink has taken the partition, and writes the records that this one held."""


class SinkGroupError(PlauditError):
    """The consumer group has members that it must not have, or refuses this one."""


class UnfinishedError(PlauditError):
    """`--once` ended before the output had everything that Kafka held when it began."""


class LogChangedError(PlauditError):
    """The topic is not the one that the output was made from."""
