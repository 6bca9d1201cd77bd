"""Turns finished conversations into training data, and figures into what people see.

Rooms:
    rows: from a finished conversation to the rows of each subset. Pure. Begin with `rows.schemas`.
    sink: writes those rows to Parquet, each exactly once. Begin with `sink.loop.run`.
    datasets: snapshots for training: the latest revisions, splits, no duplicates.
    dashboard: the figures as a page of the console and in the terminal.
    commands: `plaudit sink`, `datasets`, `top`.
"""
