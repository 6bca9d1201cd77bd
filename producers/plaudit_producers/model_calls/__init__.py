"""Calls of chat models, as integrations and telemetry see them, turned into events of their conversations."""
