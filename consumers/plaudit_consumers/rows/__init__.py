"""Rows of the Parquet subsets, made from finished conversations: pure, no Kafka, no files.

`conversations` makes the canonical rows of decoded records, `derive` every training row of
canonical rows. docs/datasets.md tells the rules.
"""
