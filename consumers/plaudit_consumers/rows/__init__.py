"""Makes the rows of the Parquet subsets from finished conversations. Pure: no Kafka, no files.

Canonical rows come first. `canonical_reader` makes them by columns, for the sink, and `canonical` by dicts,
for the audit. `derive` makes all training rows from them. docs/datasets.md has the rules.
"""
