"""Trains models that score answers, and the encoders below them, from snapshots. Needs the extra `train`."""
