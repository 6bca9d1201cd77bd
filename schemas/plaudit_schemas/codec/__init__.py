"""Avro in Confluent's wire format: packaged schemas and their ids, encoders, decoders, registry client."""
