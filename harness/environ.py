"""The environment of one of our processes."""

import os


def environ_with(**settings: str) -> dict[str, str]:
    """The environment with these Plaudit settings and no others. `redis_url` sets PLAUDIT_REDIS_URL."""
    settings = {"allow_one_replica": "true", **settings}  # our test servers are single brokers
    others = {name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")}
    return {**others, **{f"PLAUDIT_{name.upper()}": value for name, value in settings.items()}}
