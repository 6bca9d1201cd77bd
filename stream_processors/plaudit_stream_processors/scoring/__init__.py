"""Scores answers with a published model, as they come.

`pipeline` is the way of a batch: `selection` says which answers, `chunks` scores a few of them, with `paths`
from the state, `versions` of the model and `inference` on a thread, and `score_output` sends the events.
"""
