"""The whole line on one machine, as real processes."""
