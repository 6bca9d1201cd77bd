"""How good reviews are, from a queue's items: agreement, reviewers, models beside people. Pure but `cache`.

`figures` makes the document that the lead's page shows. `words` says how answers compare.
"""
