"""Named and published snapshots."""
