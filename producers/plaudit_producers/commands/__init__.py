"""Sub-commands of `plaudit`: gateway, keys, replay and simulate."""
