"""Avro in Confluent's wire format: the packaged schemas and their ids, readers, writers, the registry."""
