"""Immutable snapshots of the live Parquet root, which is what trainers open."""
