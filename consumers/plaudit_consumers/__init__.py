"""Turns finished conversations into training data, and shows metric snapshots to people.

Rooms:
    rows: makes the rows of each subset from finished conversations. Pure. Begin with `rows.schemas`.
    sink: writes those rows to Parquet, each exactly once. Begin with `sink.loop.run`.
    datasets: builds snapshots for training: latest revisions, split by user, without duplicates.
    dashboard: shows the figures on a page of the console and in the terminal.
    commands: `plaudit sink`, `datasets`, `top`.
"""
