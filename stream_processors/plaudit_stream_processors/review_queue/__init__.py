"""Keeps the queues of people's review, derived from the log and the published rubrics.

`pipeline` is the way of a batch: `acceptance` says which events the fold took and what is known of their
conversations, `derivation` what they do to a queue (`items` and `verdicts`), and the store of
`plaudit_schemas.review.queue` writes it. `queues` follows the publications.
"""
