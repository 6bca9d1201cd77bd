"""How a worker's process holds its states: many small dicts that live long."""

import gc

from plaudit_schemas.compiled.huge_pages import use_huge_pages


def prepare_memory() -> None:
    """Take small objects from huge pages, and collect garbage rarely. Call it before states are loaded."""
    use_huge_pages()
    # States live long, so a look at what has lived for a while frees little: only the youngest are looked at
    # often, so few that it takes some milliseconds. The next generation's turn comes after ten million.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 500, 1000)
