"""The contract: the events, the rules that they must keep, and the worth of a rating.

Nothing here does I/O. Producers check an event before they send it, and the fold checks it again.
"""
