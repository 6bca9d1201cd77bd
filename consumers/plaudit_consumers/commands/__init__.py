"""Sub-commands of the consumers."""
