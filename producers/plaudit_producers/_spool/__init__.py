"""The disk spool: append-only segment files that outlive the process (docs/decisions/0019)."""
