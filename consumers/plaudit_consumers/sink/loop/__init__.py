"""The Kafka side of the sink: consuming, waiting for the output, dead letters, metrics, the process."""
