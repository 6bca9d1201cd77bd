"""Puts the members together on one machine and for operators; the only member that may import all others.

Rooms:
    servers: a local Kafka, Valkey and schema registry, without root and Docker.
    demo: the whole line with traffic, supervised.
    audit: everything that came of a log compared with a fold of its own. Begin with `audit.run`.
    console: the team's web application: sign-in and navigation for the pages that members offer.
    commands: the other sub-commands of `plaudit`; `main` finds those of all members.
"""
