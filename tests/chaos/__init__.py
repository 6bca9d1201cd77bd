"""Faults over the whole line: what went in by the gateway must come out in state, figures and rows."""
