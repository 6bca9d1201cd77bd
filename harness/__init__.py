"""What tests and benchmarks share: generated events, and our processes as they run. No wheel contains it."""
