"""Makes the wall clock of a Python process wrong: on the module path, Python imports this at its start."""

import os
import time

_AHEAD_S = float(os.environ["WRONG_CLOCK_AHEAD_S"])
_time, _time_ns = time.time, time.time_ns

time.time = lambda: _time() + _AHEAD_S
time.time_ns = lambda: _time_ns() + int(_AHEAD_S * 1e9)
