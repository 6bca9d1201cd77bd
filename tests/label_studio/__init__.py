"""A real Label Studio in an environment of its own: it brings 160 packages that nothing else needs."""
