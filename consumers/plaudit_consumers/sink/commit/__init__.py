"""One partition's way into the output. Knows no Kafka; docs/decisions/0008 tells the steps of a commit."""
