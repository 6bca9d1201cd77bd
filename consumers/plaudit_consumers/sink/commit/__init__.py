"""Commits one partition to the output, independent of Kafka. docs/decisions/0008 describes the steps."""
