"""The gateway: conversation events over HTTP, for pages and for programs without Kafka."""
