"""From a request's body to Kafka: reading it within bounds, checking its events, sending them."""
