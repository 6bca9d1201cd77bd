"""Settings: small frozen models, read once at the edge.

A field `redis_url` is the variable `PLAUDIT_REDIS_URL` and the flag `--redis-url`. The first of these that
is given counts: the flag, the environment, the running local stack (`plaudit up` leaves its addresses in
`<data>/stack.json`), the default. An unknown `PLAUDIT_*` variable is an error that names the nearest one.
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
from plaudit_schemas.settings.model import DATA_VARIABLE, PREFIX, Settings, variable_of

__all__ = [
    "DATA_VARIABLE",
    "GROUP",
    "PREFIX",
    "Origin",
    "Settings",
    "add_arguments",
    "installed",
    "load",
    "local_stack",
    "origins",
    "refuse_unknown",
    "variable_of",
]
