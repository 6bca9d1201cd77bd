"""Settings: small frozen models that a process reads once, when it starts.

The field `redis_url` is set by the flag `--redis-url` or by the variable `PLAUDIT_REDIS_URL`. The flag wins
over the environment. The environment wins over the running local stack, whose addresses `plaudit up` leaves
in `<data>/stack.json`. The default comes last. An unknown `PLAUDIT_*` variable is an error that suggests the
nearest known one.
"""

from plaudit_schemas.settings.arguments import add_arguments
from plaudit_schemas.settings.loading import (
    GROUP,
    Origin,
    installed,
    load,
    local_stack,
    origins,
    refuse_unknown,
)
from plaudit_schemas.settings.model import DATA_VARIABLE, PREFIX, Settings, data_folder, variable_of

__all__ = [
    "DATA_VARIABLE",
    "GROUP",
    "PREFIX",
    "Origin",
    "Settings",
    "add_arguments",
    "data_folder",
    "installed",
    "load",
    "local_stack",
    "origins",
    "refuse_unknown",
    "variable_of",
]
