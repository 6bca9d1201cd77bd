"""The sink: finished conversations from Kafka to Parquet, each exactly once.

`loop` is Kafka's side, `sink` the partitions of one process, `commit` one partition's way into the output,
`files` the making of Parquet files, `outputs` the places for them. docs/decisions/0008 tells the steps of a
commit.
"""
