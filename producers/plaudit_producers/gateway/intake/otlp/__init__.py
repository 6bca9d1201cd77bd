"""Telemetry of OpenTelemetry, read and turned into model calls and feedback. No I/O."""
