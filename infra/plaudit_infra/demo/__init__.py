"""Runs the whole line on one machine, as real processes."""
