"""How a worker's process holds its states: many small dicts that live long."""

import gc

from plaudit_schemas.compiled.huge_pages import use_huge_pages


def prepare_memory() -> None:
    """Take small objects from huge pages, and collect garbage rarely. Call it before states are loaded."""
    use_huge_pages()
    # States live long, and a batch is free by its counts: a look finds little. So few looks, at what came since
    # the last one, and after ten million objects at what came since the last of these.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
