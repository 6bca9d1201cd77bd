"""What every process of ours needs to run: Redis, metrics, health over HTTP, logging.

An extra, `plaudit-schemas[service]`: neither the contract nor the SDK loads any of it.
"""
