"""What tests and benchmarks share and no wheel holds: made events, and our processes started for a run."""
