"""Infrastructure for long-running processes: Redis, metrics, health over HTTP, logging, web serving.

Needs the extra `plaudit-schemas[service]`. Neither the contract nor the SDK imports it.
"""
