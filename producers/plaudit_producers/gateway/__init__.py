"""The gateway: conversation events over HTTP, for web pages and for programs without a Kafka client."""
