"""Folds the log into live state, figures and finished conversations.

Rooms:
    fold: a conversation's state as a pure function of its events. Begin with `fold.step`.
    metrics: counters, windows and figures. Pure.
    state: the state in Redis, committed with its position in one script.
    worker: the process that does both, batch by batch. Begin with `worker.app`.
    queries: one conversation, as it stands or as it stood.
    dead_letters: what was refused: listing it, and sending it again.
    commands: `plaudit worker`, `conversation`, `dead-letters`.

`transport` is a Faust transport of its own: batches instead of messages, for any Faust app.
"""
