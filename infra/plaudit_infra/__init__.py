"""Runs the members together, on one machine and for operators. The only member that may import all others.

Rooms:
    servers: a local Kafka, Valkey and schema registry, without root or Docker.
    demo: the whole line with traffic, supervised.
    audit: folds the log again, and compares everything that came of it with that. Begin with `audit.run`.
    console: the team's web application: sign-in and navigation for the pages that members offer.
    dataset_page: the console's page of data sets, whose exclusions are events.
    conversations_page: the console's page of conversations, now and as of any event.
    commands: the other sub-commands of `plaudit`. `main` finds those of all members.
"""
