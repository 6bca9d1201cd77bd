"""Sub-commands of `plaudit`: gateway, keys, replay, simulate."""
