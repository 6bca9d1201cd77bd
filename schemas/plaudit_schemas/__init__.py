"""What all members agree on. There is no code here that only one of them needs.

Rooms:
    contract: the typed events, the limits, what is refused and why, what a value is worth, the JSON form.
        Begin with `contract.events`.
    codec: records to bytes and back, in Confluent's wire format. Begin with `codec.wire`.
    avro, examples: the schemas as released, and records of each.
    topics: the topics' definitions, and their administration.
    settings: typed settings from arguments and environment; `settings.connection` names the servers.
    kafka: one kind of record, one producer, one reader.
    service: what a long-running process needs: Redis, metrics, health, logs, web. Extras; the SDK loads none.
    alerts: the alert rules and their runbooks, as data.
    commands: what a sub-command of `plaudit` is, and `plaudit topics`.
"""
