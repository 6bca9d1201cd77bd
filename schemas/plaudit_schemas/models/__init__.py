"""Models that score answers: their folders, how they run, and the registry of published ones.

Needs the extra `score` or `score-gpu`; importing the rest of the package loads nothing of it. Start with
`model`, which opens a folder; `manifest` has the fields of `plaudit-model.yaml`.
"""
