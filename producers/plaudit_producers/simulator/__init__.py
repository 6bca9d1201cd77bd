"""Realistic made-up traffic: `plaudit simulate`, and `simulate` for programs.

from plaudit_producers.simulator import Scenario, simulate

for due, record in simulate(Scenario(conversations=100, shift_at=0.5, shifts={"aurora-2": 0.3}), start):
    ...  # `due` seconds after the start: producer.emit(record)
"""

from plaudit_producers.simulator.run import run_scenario
from plaudit_producers.simulator.scenario import MODELS, Scenario
from plaudit_producers.simulator.texts import MARKER
from plaudit_producers.simulator.traffic import simulate

__all__ = ["MARKER", "MODELS", "Scenario", "run_scenario", "simulate"]
