"""The settings of a simulation: how much, how fast, which models, and what changes during it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final

from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.contract.records import check_application
from plaudit_schemas.errors import SettingsError

Qualities = Mapping[str, float]
"""For each model the share of its answers that are good, from 0 to 1."""

MODELS: Final = {"aurora-2": 0.9, "aurora-mini": 0.8, "boreal-1": 0.7}
_GAP_S: Final = 6.0  # about the mean time between two events of a chat at the pace of people


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulation.

    Attributes:
        models: the models and their qualities. All get equal shares of the chats.
        rate: average number of events per second, over all chats.
        conversations: how many chats are started; None is no limit.
        duration_s: seconds after which no more events come; None is no limit.
        open_conversations: number of chats that are open at once. Time within each chat runs as fast as the
            rate needs it to. The default lets time run at the pace of people, with at most a tenth of all
            chats open.
        shift_at: when `shifts` begin to apply. A value below 1 is a share of the duration, or without a
            duration of the conversations. A value from 1 on is in seconds.
        shifts: the later qualities of some models.
        feedback: share of the answers that the user judges, from 0 to 1.
        application: the tenant.
        seed: the seed of everything that is random.

    Raises:
        SettingsError: a value is out of range, or the values contradict each other.
        InvalidEventError: the application's name does not fit the contract.
    """

    models: Qualities = field(default_factory=lambda: dict(MODELS))
    rate: float = 50.0
    conversations: int | None = None
    duration_s: float | None = None
    open_conversations: int | None = None
    shift_at: float | None = None
    shifts: Qualities = field(default_factory=dict)
    feedback: float = 0.05
    application: str = "simulated"
    seed: int = 0

    def __post_init__(self) -> None:
        check_application(self.application, "application")
        _refuse(not self.models, "models must name at least one model")
        for name, quality in [*self.models.items(), *self.shifts.items()]:
            _refuse(
                not 0 < len(name) <= ID_CHARACTERS, f"a model's name takes 1 to {ID_CHARACTERS} characters"
            )
            _refuse(not 0 <= quality <= 1, f"the quality of {name} must be between 0 and 1")
        unknown = set(self.shifts) - set(self.models)
        _refuse(
            bool(unknown), f"shift names {', '.join(sorted(unknown))}, which is no model of this simulation"
        )
        _refuse(not 0 < self.rate < inf, "rate must be above 0")
        _refuse(not 0 <= self.feedback <= 1, "feedback must be between 0 and 1")
        for count in (self.conversations, self.open_conversations, self.duration_s):
            _refuse(count is not None and not 0 < count < inf, "counts and durations must be above 0")
        self._check_shift()

    def _check_shift(self) -> None:
        if self.shift_at is None:
            _refuse(bool(self.shifts), "shift needs shift-at")
            return
        _refuse(not 0 < self.shift_at < inf, "shift-at must be above 0")
        _refuse(not self.shifts, "shift-at needs a shift, such as aurora-2:0.4")
        endless = self.conversations is None and self.duration_s is None
        _refuse(self.shift_at < 1 and endless, "shift-at as a share needs conversations or duration")

    @property
    def open_at_once(self) -> int:
        """The number of chats that are open at once."""
        if self.open_conversations is not None:
            return self.open_conversations
        # At most a tenth: if all chats of a short run began at once, none would begin after a shift.
        wanted = max(1, round(self.rate * _GAP_S))
        return wanted if self.conversations is None else min(wanted, max(1, self.conversations // 10))

    def is_shifted(self, now_s: float, begun: int) -> bool:
        """Return whether the shifts apply, `now_s` seconds after the start and with `begun` chats started."""
        if self.shift_at is None:
            return False
        if self.shift_at >= 1:
            return now_s >= self.shift_at
        if self.duration_s is not None:
            return now_s >= self.shift_at * self.duration_s
        return begun > self.shift_at * (self.conversations or 0)


def _refuse(wrong: bool, problem: str) -> None:
    if wrong:
        raise SettingsError(f"{problem}; see `plaudit simulate --help`")
