"""Folds the log into live state, figures and finished conversations.

Rooms:
    fold: a conversation's state as a pure function of its events. Begin with `fold.step`.
    metrics: counters, windows and figures. Pure.
    state: the state in Redis, committed together with its position by one script.
    worker: the process that folds and commits, batch by batch. Begin with `worker.app`.
    scoring: the process that scores answers with a published model. Begin with `scoring.pipeline`.
    review_queue: the process that keeps the queues of people's review. Begin with `review_queue.pipeline`.
    running: what these processes share: the Faust app, the output, readiness and the end.
    queries: one conversation, as it is now or as it was.
    dead_letters: refused records: listing them, and sending them again.
    commands: `plaudit worker`, `scorer`, `review-queue`, `conversation`, `dead-letters`.

`transport` is a Faust transport that delivers batches instead of messages. It works with any Faust app.
"""

from pathlib import Path

from plaudit_schemas.compiled import install

install(__name__, Path(__file__).parent)
