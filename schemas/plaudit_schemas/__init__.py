"""The contracts and basics that all members share. Code that only one member needs belongs to that member.

Packages:
    contract: the typed events, their limits, the reasons for refusing one, the worth of a rating, and the
        JSON form. Start with `contract.events`.
    codec: encodes records to Confluent's wire format and decodes them. Start with `codec.wire`.
    avro, examples: the released schemas, and example records of each.
    topics: the definitions of the topics, and their administration.
    settings: typed settings from flags and environment; `settings.connection` has the servers' addresses.
    kafka: the record types, the producers and the reader that every member uses.
    service: Redis, metrics, health, logging and web serving for long-running processes. These need the
        extras `service` and `web`; the SDK loads none of them.
    models: the folders of models that score answers, how they run (this needs the extra `score`), and the
        registry of published ones. Start with `models.model` or `models.registry`.
    review: rubrics, and the queues of what people review. Start with `review.rubric`.
    statistics: intervals, agreement between raters, and how far to trust each of them.
    compiled: what runs as machine code, and the way back to plain Python.
    alerts: the alert rules and their runbooks, as data.
    commands: the interface of a `plaudit` sub-command, and `plaudit topics`.
"""

from pathlib import Path

from plaudit_schemas.compiled import install

install(__name__, Path(__file__).parent)
