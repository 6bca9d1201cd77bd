"""What the long-running processes of this member share: the Faust app, their output, health and end.

The processes that follow the worker also share the order of their batches (`following`), their parts and
timers (`follower`), their metrics, and how they run. The worker itself uses none of these.
"""
