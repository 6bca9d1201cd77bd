"""The books of the log: what one partition must have come to, and whether the live state says the same.

`plaudit audit` balances them against Kafka, Redis and Parquet.
"""
