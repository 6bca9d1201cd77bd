"""The sink: writes finished conversations from Kafka to Parquet, each exactly once.

`loop` talks to Kafka, and `sink` holds the partitions of one process. `commit` brings the records of one
partition into the output, `files` makes the Parquet files, and `outputs` are the places that store them.
docs/decisions/0008 describes the steps of a commit.
"""
