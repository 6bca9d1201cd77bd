"""Makes the rows of the Parquet subsets from finished conversations. Pure: no Kafka, no files.

Canonical rows come first. `canonical_reader` makes them by columns, for the sink, and `canonical` by dicts,
for the audit. When a snapshot is built, `late_words` merges amendments into them, `units` derives what was
judged, `resolve` decides what the votes of all conversations say together, and `training` makes the rows of
trainers. docs/datasets.md has the rules.
"""
