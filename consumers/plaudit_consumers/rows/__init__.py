"""Rows of the Parquet subsets, made of finished conversations. Pure: no Kafka, no files.

Canonical rows come first, by way of columns (`canonical_reader`, for the sink) or of dicts (`canonical`, for
the audit). `derive` makes every training row of them. docs/datasets.md tells the rules.
"""
