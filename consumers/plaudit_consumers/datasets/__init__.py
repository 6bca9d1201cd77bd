"""Builds and reads immutable snapshots of the live Parquet root, for training."""
