"""The contract: what an event is, what is refused and why, and what a value is worth.

Nothing here does I/O. Producers check an event with it before it leaves; the fold checks it again.
"""
