"""The sink: finished conversations out of Kafka into Parquet, each exactly once.

docs/decisions/0008 tells the protocol of a commit.
"""
