"""Turns finished conversations into training data, and shows metric snapshots to people.

Rooms:
    rows: makes the rows of each subset from finished conversations. Pure. Begin with `rows.schemas`.
    sink: writes one row for each finished conversation to Parquet, exactly once. Begin with `sink.loop.run`.
    datasets: builds snapshots for training: rows for trainers, latest revisions, split by user.
    publishing: names snapshots, and sends them to the Hugging Face Hub. Begin with `publishing.register`.
    training: trains models that score answers, and their encoders. Begin with `training.train`.
    ranking: ranks chat models by such a model, and compares versions of it. Begin with `ranking.standings`.
    dashboard: shows the figures on a page of the console and in the terminal.
    commands: `plaudit sink`, `datasets`, `train`, `top`.
"""
